// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace forebear {

namespace {

template <typename T>
T LoadAcquire(const T* from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

}  // namespace

int Ring::Map(int fd, size_t data_bytes) {
  page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  size_ = data_bytes;
  void* consumer = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) return errno;
  consumed_ = static_cast<uint64_t*>(consumer);
  position_ = *consumed_;
  void* producer = mmap(nullptr, page_ + size_, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page_));
  if (producer == MAP_FAILED) return errno;
  produced_ = static_cast<const uint64_t*>(producer);
  data_ = static_cast<const uint8_t*>(producer) + page_;
  return 0;
}

Ring::~Ring() {
  if (produced_ != nullptr) munmap(const_cast<uint64_t*>(produced_), page_ + size_);
  if (consumed_ != nullptr) munmap(consumed_, page_);
}

bool Ring::Held() const { return __atomic_load_n(consumed_, __ATOMIC_RELAXED) == position_; }

bool Ring::Empty() const { return LoadAcquire(produced_) == position_; }

size_t Ring::Read(uint8_t* out, size_t capacity, uint64_t* records) {
  Hold();
  const uint64_t end = LoadAcquire(produced_);
  uint64_t at = position_;
  size_t copied = 0;
  while (at < end) {
    const auto* head = reinterpret_cast<const uint32_t*>(data_ + (at & (size_ - 1)));
    const uint32_t word = LoadAcquire(head);
    if (word & BPF_RINGBUF_BUSY_BIT) break;  // records come out in order: wait for this one
    const size_t length = word & ~BPF_RINGBUF_DISCARD_BIT;
    if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
      if (copied > 0 && copied + length > capacity) break;
      ++*records;
      if (length <= capacity) {  // longer breaks wire.h: passed over, missing in the count of what was decoded
        Copy(out + copied, at + BPF_RINGBUF_HDR_SZ, length);
        copied += length;
      }
    }
    at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~size_t{7};
  }
  position_ = at;
  __atomic_store_n(consumed_, at, __ATOMIC_RELEASE);
  return copied;
}

// Whoever moved the position on made the kernel write over what was unread: then the rest is given up.
void Ring::Hold() {
  if (Held()) return;
  __atomic_fetch_add(&moved_, 1, __ATOMIC_RELAXED);
  const uint64_t end = LoadAcquire(produced_);
  if (end - position_ > size_) position_ = end;
  __atomic_store_n(consumed_, position_, __ATOMIC_RELEASE);
}

// A record may run over the end of the data; only its 8-byte head never does.
void Ring::Copy(uint8_t* out, uint64_t position, size_t length) const {
  const size_t start = position & (size_ - 1);
  const size_t first = std::min(length, size_ - start);
  memcpy(out, data_ + start, first);
  memcpy(out + first, data_, length - first);
}

}  // namespace forebear
