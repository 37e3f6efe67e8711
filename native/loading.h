// SPDX-License-Identifier: Apache-2.0
// Probe::Load on a thread of libuv's pool, as a promise: the kernel's verifier takes its time, and JavaScript has other things to
// do meanwhile. Made and settled on the JavaScript thread.
#ifndef FOREBEAR_LOADING_H
#define FOREBEAR_LOADING_H

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>

#include "probe.h"

namespace forebear {

// An Error with what src/sensor/sensor-errors.ts needs: step, errno, log.
Napi::Error ErrorOf(Napi::Env env, const Failure& failure);

// Owns itself once it is queued; an environment that ends waits for the thread and settles nothing.
class Loading : public Napi::AsyncWorker {
 public:
  using Done = std::function<void(std::unique_ptr<Probe>)>;

  // owner: kept alive until then. done: called before the promise is settled, with nothing where loading failed.
  Loading(const Napi::Object& owner, ProbeOptions options, Done done);

  Napi::Promise Promise() const { return settled_.Promise(); }

 private:
  void Execute() override;
  void OnOK() override;

  Napi::ObjectReference owner_;
  Napi::Promise::Deferred settled_;
  const ProbeOptions options_;
  const Done done_;
  std::unique_ptr<Probe> probe_ = std::make_unique<Probe>();
  std::optional<Failure> failure_;
};

}  // namespace forebear

#endif
