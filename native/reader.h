// SPDX-License-Identifier: Apache-2.0
// The reader thread: drains the ring into a queue of batches that is bounded in bytes, and tells the JavaScript thread that
// there is something. It never waits for JavaScript except for room in the queue, and Stop() ends that wait too.
// When the queue is full the reader waits (counted), the ring fills, and the kernel side counts what it loses.
#ifndef FOREBEAR_READER_H
#define FOREBEAR_READER_H

#include <linux/types.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "ring.h"
#include "wire.h"

namespace forebear {

struct Batch {
  std::vector<uint8_t> bytes;  // whole records, back to back
  uint64_t lost = 0;           // records lost in the kernel up to this batch
};

struct ReaderOptions {
  int ring_fd = -1;
  size_t ring_bytes = 0;
  fb_control* control = nullptr;            // shared with the programs: the sleep flag
  std::function<uint64_t()> lost;           // called on the reader thread before a batch is queued
  std::function<void()> notify;             // called on the reader thread: a batch is queued
  size_t queue_bytes = 8 << 20;             // a batch that would exceed it waits, unless the queue is empty
  size_t batch_bytes = 256 << 10;           // at least FB_RECORD_MAX
  int interval_ms = 2;                      // how often it looks while there is traffic
};

struct ReaderCounters {
  uint64_t records, bytes, queue_full, wakeups, sleeps, roused;
};

class Reader {
 public:
  explicit Reader(ReaderOptions options);
  ~Reader();

  // Maps the ring and starts the thread. 0 or an errno. Call once.
  int Start();
  // Ends the thread after one last look into the ring, and joins it; the queue's bound does not hold for what is left.
  // Idempotent. The programs should be detached before, or there is no end to what is left.
  void Stop();
  // Any thread: the oldest batch, if there is one.
  std::optional<Batch> Take();
  bool Waiting();
  ReaderCounters Counters() const;
  // Any thread: how often another program moved the ring's position.
  uint64_t RingMoved() const { return ring_.moved(); }

 private:
  static void* Main(void* reader);
  void Run();
  bool Drain();
  void Push(size_t length);
  void Rest(bool traffic);
  void Sleep();
  bool Poll(int timeout_ms);

  const ReaderOptions options_;
  Ring ring_;
  int epoll_fd_ = -1;
  int stop_fd_ = -1;
  std::optional<pthread_t> thread_;
  std::vector<uint8_t> scratch_;
  bool watched_ = false;  // the ring was seen empty for one grace period with the sleep flag set

  std::mutex mutex_;  // guards queue_, queued_bytes_, stopping_
  std::condition_variable room_;
  std::deque<Batch> queue_;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;

  std::atomic<uint64_t> records_{0}, bytes_{0}, queue_full_{0}, wakeups_{0}, sleeps_{0}, roused_{0};
};

}  // namespace forebear

#endif
