// SPDX-License-Identifier: Apache-2.0
// The consumer's side of a BPF ring buffer (kernel: Documentation/bpf/ringbuf.rst): three mapped regions, and nothing else.
// libbpf's ring_buffer calls back per record and hides the positions; the sleep protocol of wire.h needs to look at them.
// One thread, the reader's, uses it.
#ifndef FOREBEAR_RING_H
#define FOREBEAR_RING_H

#include <cstddef>
#include <cstdint>

namespace forebear {

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Maps the ring of `data_bytes` (the map's max_entries) behind `fd`. 0 or an errno.
  int Map(int fd, size_t data_bytes);

  // Times that the position in the shared page was not where this reader had left it: another program wrote there. Any thread.
  uint64_t moved() const { return __atomic_load_n(&moved_, __ATOMIC_RELAXED); }

  // The position in the shared page is where this reader left it.
  bool Held() const;

  // Nothing was reserved beyond what has been read: not even a record that is still being written.
  bool Empty() const;

  // Copies whole records to `out` while they fit into `capacity` (at least the largest record), and gives their room back
  // to the kernel. Returns the bytes copied; `records` grows by their number. Discarded records are passed over.
  size_t Read(uint8_t* out, size_t capacity, uint64_t* records);

 private:
  void Hold();
  void Copy(uint8_t* out, uint64_t position, size_t length) const;

  size_t page_ = 0;
  size_t size_ = 0;
  uint64_t position_ = 0;               // where we are, whatever the page says that others can write, too
  uint64_t moved_ = 0;
  uint64_t* consumed_ = nullptr;        // the page that we write
  const uint64_t* produced_ = nullptr;  // the page that the kernel writes, the data behind it
  const uint8_t* data_ = nullptr;
};

}  // namespace forebear

#endif
