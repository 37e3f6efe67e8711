// SPDX-License-Identifier: Apache-2.0
// The one place where native code calls into JavaScript: one call per batch, on the JavaScript thread, one batch per turn of
// the event loop, so that timers and I/O go on under a flood. Also the hook that ends everything when the environment (a
// worker, or the process) ends without stop().
//
// Life: made by Start on the JavaScript thread; deletes itself once libuv has closed its handle after Close().
#ifndef FOREBEAR_BRIDGE_H
#define FOREBEAR_BRIDGE_H

#include <napi.h>
#include <uv.h>

#include <functional>
#include <optional>

#include "reader.h"

namespace forebear {

class Bridge {
 public:
  struct Owner {
    std::function<std::optional<Batch>()> take;
    std::function<bool()> waiting;
    std::function<void()> shutdown;  // the environment ends: stop the reader, then Close()
  };

  // `handler` is called with (bytes: Buffer, lost: number). nullptr when libuv refuses.
  static Bridge* Open(Napi::Env env, Napi::Function handler, Owner owner);
  // Any thread, while open.
  void Notify() { uv_async_send(&async_); }
  // JavaScript thread, also from within the handler: no call after this. The reader must have been joined.
  void Close();
  uint64_t handler_errors() const { return handler_errors_; }

 private:
  Bridge(Napi::Env env, Napi::Function handler, Owner owner);
  ~Bridge() = default;
  static void OnAsync(uv_async_t* handle);
  static void OnClosed(uv_handle_t* handle);
  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* data);
  void Deliver(const Batch& batch);

  Napi::Env env_;
  Napi::FunctionReference handler_;
  Owner owner_;
  uv_async_t async_ = {};
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closing_ = false;
  uint64_t handler_errors_ = 0;
};

}  // namespace forebear

#endif
