// SPDX-License-Identifier: Apache-2.0
// One run of an iterator, and what the iterators of the kernel's BPF maps and programs say (native/bpf/inventory.bpf.h). JavaScript thread.
#ifndef FOREBEAR_INVENTORY_H
#define FOREBEAR_INVENTORY_H

#include <linux/types.h>

#include <cstdint>
#include <set>
#include <vector>

#include "wire.h"

struct bpf_object;
struct bpf_program;

namespace forebear {

struct Inventory {
  int error = 0;  // errno of the iterator that failed, else 0
  std::vector<fb_map_row> maps;
  std::vector<fb_prog_row> programs;
  std::set<uint32_t> own_maps, own_programs;  // ids
};

// Appends what the iterator writes. 0 or an errno.
int RunIterator(bpf_program* program, std::vector<uint8_t>* out);

// in: the object whose iterators fb_maps and fb_progs are loaded.
Inventory TakeInventory(bpf_object* object);

}  // namespace forebear

#endif
