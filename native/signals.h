// SPDX-License-Identifier: Apache-2.0
// Blocks all signals on the calling thread for as long as it lives. The process's signals go to its other threads, or wait.
#ifndef FOREBEAR_SIGNALS_H
#define FOREBEAR_SIGNALS_H

#include <pthread.h>
#include <signal.h>

namespace forebear {

class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace forebear

#endif
