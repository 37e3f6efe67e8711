// SPDX-License-Identifier: Apache-2.0
// Records of kinds that are wanted on demand have two sources (native/bpf/changes.bpf.h, file_hooks.bpf.h): which one does this
// kernel allow? Found out by loading and attaching a program that does nothing, then told to an object that is not loaded yet.
// Used by probe.cc.
#ifndef FOREBEAR_SOURCES_H
#define FOREBEAR_SOURCES_H

#include <linux/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "wire.h"

struct bpf_object;

namespace forebear {

// For one kind of record: the programs to load, and why it is not the trampoline where that is refused (an errno, 0: it is not).
struct Source {
  uint32_t kind = 0;
  std::vector<std::string> programs;  // none: this kernel has no source
  bool by_syscall = false;
  int refusal = 0;
  std::string log;  // of the load that was refused, if that is why; else empty
};

// in: 1 << kind (or enum fb_wanted) for each that is wanted; of FB_FILE, 1 << operation for each that is.
std::vector<Source> ChooseSources(uint32_t wanted, uint32_t file_operations);

// in: what libbpf said of a load that failed. Takes the program that it names from whoever has it as a source, or every source where
// that is no optional program. out: false where there was nothing to give up.
bool GiveUpRefused(std::vector<Source>* sources, int error, const std::string& log);

// Lets the object load these programs and none of the other optional ones. out: the value of fb_by_syscall.
uint32_t SelectPrograms(bpf_object* object, const std::vector<Source>& sources);

}  // namespace forebear

#endif
