// SPDX-License-Identifier: Apache-2.0
// The BPF object: opened from a path, sized and parametrised, loaded, each program attached by itself, read, detached.
// Decides nothing: which failure matters is said in src/sensor/. Used on the JavaScript thread; LostTotal() on any thread.
// Names of maps, programs and constants: wire.h.
#ifndef FOREBEAR_PROBE_H
#define FOREBEAR_PROBE_H

#include <linux/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "inventory.h"
#include "sources.h"
#include "wire.h"

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;

namespace forebear {

struct ProbeOptions {
  std::string object_path;
  std::map<std::string, uint32_t> constants;    // .rodata variables, all __u32
  std::map<std::string, uint32_t> map_entries;  // max_entries by map name
  uint32_t wanted = 0;                          // optional kinds of records: 1 << kind each
  std::map<std::string, std::vector<uint8_t>> contents;  // by map name: keys and values, each key before its value
};

// What went wrong: the step ("open", "size", "constant", "load", "map", "fill", "attach", "iterate"), an errno, libbpf's own words.
struct Failure {
  std::string step;
  int error = 0;
  std::string log;
};

struct ProgramState {
  std::string name;
  std::string section;  // the attach point, e.g. "tp_btf/sched_process_exec"
  bool attached = false;
  int error = 0;  // errno of the attempt
  std::string log;
  uint32_t verified_instructions = 0;  // 0: the kernel does not tell (before 5.16)
};

using CounterArray = std::array<uint64_t, FB_COUNTERS>;
using HintKey = std::array<char, FB_HINT_MAX>;

class Probe {
 public:
  Probe() = default;
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Opens, sets constants and sizes, loads, maps the control block, freezes the maps that only programs write. Optional
  // programs that the verifier refuses are left out with their kinds: the refusal is in Sources().
  std::optional<Failure> Load(const ProbeOptions& options);
  // Attaches every program that was loaded; what failed is in Programs().
  void Attach();
  // Runs the iterators once and appends the bytes of iter/task.
  std::optional<Failure> Iterate(std::vector<uint8_t>* out);
  // All maps and programs of this kernel, and which of them are ours.
  Inventory TakeInventory() const;
  // Wake hints that were set and are not there any more: somebody else took them.
  size_t HintsMissing() const;
  // Detaches all programs and waits until none is running any more. Idempotent.
  void Detach();

  const std::vector<ProgramState>& Programs() const { return states_; }
  // Of the wanted kinds.
  const std::vector<Source>& Sources() const { return sources_; }
  const std::vector<std::string>& FrozenMaps() const { return frozen_; }
  CounterArray Counters() const;
  uint64_t LostTotal() const;
  // Runs that the kernel left out because the program was running on that CPU already; survives Detach().
  uint64_t RecursionMisses() const;
  // The same of the programs that look at every system call, hardly any of which would have given a record.
  uint64_t SyscallMisses() const;
  // Makes the wake hints exactly these keys. Returns how many found room.
  size_t SetHints(const std::vector<HintKey>& keys);

  int ring_fd() const { return ring_fd_; }
  uint32_t ring_bytes() const { return ring_bytes_; }
  fb_control* control() const { return control_; }

 private:
  std::optional<Failure> LoadPrograms(const ProbeOptions& options);
  std::optional<Failure> Size(const ProbeOptions& options);
  std::optional<Failure> SetConstants(const ProbeOptions& options, uint32_t by_syscall);
  std::optional<Failure> MapControl();
  std::optional<Failure> Fill(const ProbeOptions& options);
  void Freeze();
  uint64_t Counter(uint32_t index) const;

  bpf_object* object_ = nullptr;
  std::vector<bpf_program*> programs_;
  std::vector<ProgramState> states_;  // of programs_, same order
  std::vector<bpf_link*> links_;
  std::vector<std::string> frozen_;
  std::vector<HintKey> hints_;  // those that found room
  std::vector<Source> sources_;
  int ring_fd_ = -1;
  int counters_fd_ = -1;
  int hints_fd_ = -1;
  uint32_t ring_bytes_ = 0;
  int cpus_ = 0;
  fb_control* control_ = nullptr;
};

// Passes libbpf's messages to the Failure of the call that caused them instead of stderr. Call once per process.
void CaptureLibbpfLog();

}  // namespace forebear

#endif
