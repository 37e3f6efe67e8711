// SPDX-License-Identifier: Apache-2.0
#include "inventory.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace forebear {

namespace {

template <typename Row>
int Rows(bpf_object* object, const char* name, std::vector<Row>* rows) {
  bpf_program* program = bpf_object__find_program_by_name(object, name);
  if (program == nullptr || bpf_program__fd(program) < 0) return ENOENT;
  std::vector<uint8_t> bytes;
  const int error = RunIterator(program, &bytes);
  rows->resize(bytes.size() / sizeof(Row));
  if (!rows->empty()) memcpy(rows->data(), bytes.data(), rows->size() * sizeof(Row));
  return error;
}

}  // namespace

int RunIterator(bpf_program* program, std::vector<uint8_t>* out) {
  bpf_link* link = bpf_program__attach_iter(program, nullptr);
  const int fd = link == nullptr ? -1 : bpf_iter_create(bpf_link__fd(link));
  int error = fd < 0 ? errno : 0;
  while (fd >= 0) {
    uint8_t chunk[64 << 10];
    const ssize_t length = read(fd, chunk, sizeof chunk);
    if (length > 0) out->insert(out->end(), chunk, chunk + length);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;  // EAGAIN: a million objects seen, go on
    if (length < 0) error = errno;
    if (length <= 0) break;
  }
  if (fd >= 0) close(fd);
  bpf_link__destroy(link);
  return error;
}

Inventory TakeInventory(bpf_object* object) {
  Inventory inventory;
  inventory.error = Rows(object, "fb_maps", &inventory.maps);
  if (inventory.error == 0) inventory.error = Rows(object, "fb_progs", &inventory.programs);
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    bpf_map_info info = {};
    uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &length) == 0) inventory.own_maps.insert(info.id);
  }
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    bpf_prog_info info = {};
    uint32_t length = sizeof info;
    const int fd = bpf_program__fd(program);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &length) == 0) inventory.own_programs.insert(info.id);
  }
  return inventory;
}

}  // namespace forebear
