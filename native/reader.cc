// SPDX-License-Identifier: Apache-2.0
#include "reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "signals.h"

namespace forebear {

namespace {

// After the sleep flag is set the reader looks once more after this time before it waits to be woken: a program that was
// preempted between its look at the flag and its commit is caught, and an idle host still sees hardly any wake-ups.
constexpr int kGraceMs = 50;
// How often a reader that sleeps looks whether anything could wake it at all.
constexpr int kLookMs = 1000;
// Looks at a ring that does not empty although the programs are detached, before Stop() gives up on it.
constexpr int kLastLooks = 100;

}  // namespace

Reader::Reader(ReaderOptions options) : options_(std::move(options)), scratch_(options_.batch_bytes) {}

Reader::~Reader() {
  Stop();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (stop_fd_ >= 0) close(stop_fd_);
}

int Reader::Start() {
  if (int error = ring_.Map(options_.ring_fd, options_.ring_bytes)) return error;
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_fd_ < 0 || stop_fd_ < 0) return errno;
  // Edge-triggered: only a wake-up by the programs counts, not that there is something to read.
  epoll_event ring_event{.events = EPOLLIN | EPOLLET, .data = {.fd = options_.ring_fd}};
  epoll_event stop_event{.events = EPOLLIN, .data = {.fd = stop_fd_}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, options_.ring_fd, &ring_event) != 0) return errno;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stop_fd_, &stop_event) != 0) return errno;
  // Signals are the main thread's: the reader starts with all of them blocked.
  BlockSignals blocked;
  pthread_t thread;
  // std::thread throws, and here nothing can catch.
  if (const int error = pthread_create(&thread, nullptr, Main, this)) return error;
  pthread_setname_np(thread, "forebear-reader");
  thread_ = thread;
  return 0;
}

void* Reader::Main(void* reader) {
  static_cast<Reader*>(reader)->Run();
  return nullptr;
}

void Reader::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  const uint64_t one = 1;
  if (stop_fd_ >= 0 && write(stop_fd_, &one, sizeof one) < 0) { /* full: it is readable already */ }
  if (thread_) pthread_join(*std::exchange(thread_, std::nullopt), nullptr);
}

std::optional<Batch> Reader::Take() {
  std::optional<Batch> batch;
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return batch;
    batch = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= batch->bytes.size();
  }
  room_.notify_one();
  return batch;
}

bool Reader::Waiting() {
  std::lock_guard lock(mutex_);
  return !queue_.empty();
}

ReaderCounters Reader::Counters() const { return {records_, bytes_, queue_full_, wakeups_, sleeps_, roused_}; }

void Reader::Run() {
  for (int last_looks = 0; last_looks < kLastLooks;) {
    bool stopping;
    {
      std::lock_guard lock(mutex_);
      stopping = stopping_;
    }
    const bool traffic = Drain();
    if (!stopping) {
      Rest(traffic);
    } else if (ring_.Empty()) {
      return;
    } else if (!traffic) {
      ++last_looks;
      usleep(1000);
    }
  }
}

// Queues all that is in the ring now. Whether there was anything.
bool Reader::Drain() {
  bool any = false;
  uint64_t records = 0;
  while (const size_t length = ring_.Read(scratch_.data(), scratch_.size(), &records)) {
    any = true;
    records_ += std::exchange(records, 0);
    bytes_ += length;
    Push(length);
  }
  return any;
}

// Joins what was read to the newest queued batch where it fits: a busy consumer gets few large batches.
void Reader::Push(size_t length) {
  const uint64_t lost = options_.lost();
  {
    std::unique_lock lock(mutex_);
    const auto fits = [&] { return stopping_ || queue_.empty() || queued_bytes_ + length <= options_.queue_bytes; };
    if (!fits()) {
      ++queue_full_;
      room_.wait(lock, fits);
    }
    const bool join = !queue_.empty() && queue_.back().bytes.size() + length <= options_.batch_bytes;
    if (!join) queue_.emplace_back();
    Batch& batch = queue_.back();
    batch.bytes.insert(batch.bytes.end(), scratch_.begin(), scratch_.begin() + static_cast<ptrdiff_t>(length));
    batch.lost = lost;
    queued_bytes_ += length;
  }
  options_.notify();
}

// The sleep protocol of wire.h: with traffic, look again after the interval; after one interval of silence set the flag,
// look again, and wait for the programs' wake-up. Why none is lost: native/bpf/shared.bpf.h. A wake-up between that look and
// epoll_wait is kept by epoll: the ring's event is then ready, and still true, as nothing has been read since.
void Reader::Rest(bool traffic) {
  __atomic_store_n(&options_.control->sleeping, traffic ? 0u : 1u, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (traffic || !ring_.Empty()) {
    watched_ = false;
    Poll(options_.interval_ms);
  } else if (!watched_) {
    watched_ = true;
    Poll(kGraceMs);
  } else {
    Sleep();
  }
}

// Until the programs wake it. Root can write where they look (the ring's place, the flag) so that they never would: a ring that seems
// full takes no record, and without the flag none wakes. Nothing is read here: that the programs wake in time is their business.
void Reader::Sleep() {
  ++sleeps_;
  while (!Poll(kLookMs)) {
    if (ring_.Held() && __atomic_load_n(&options_.control->sleeping, __ATOMIC_RELAXED) != 0) continue;
    ++roused_;
    return;
  }
}

// Whether there was anything before the time was over.
bool Reader::Poll(int timeout_ms) {
  epoll_event events[2];
  int ready;
  do {
    ready = epoll_wait(epoll_fd_, events, 2, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  ++wakeups_;
  return ready != 0;
}

}  // namespace forebear
