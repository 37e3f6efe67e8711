// SPDX-License-Identifier: Apache-2.0
#include "bridge.h"

#include <utility>

namespace forebear {

Bridge::Bridge(Napi::Env env, Napi::Function handler, Owner owner)
    : env_(env), handler_(Napi::Persistent(handler)), owner_(std::move(owner)) {}

Bridge* Bridge::Open(Napi::Env env, Napi::Function handler, Owner owner) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* bridge = new Bridge(env, handler, std::move(owner));
  if (uv_async_init(loop, &bridge->async_, OnAsync) != 0) {
    delete bridge;
    return nullptr;
  }
  bridge->async_.data = bridge;
  napi_async_init(env, nullptr, Napi::String::New(env, "forebear.sensor"), &bridge->context_);
  napi_add_async_cleanup_hook(env, OnCleanup, bridge, &bridge->hook_);
  return bridge;
}

void Bridge::Close() {
  if (std::exchange(closing_, true)) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), OnClosed);
}

// Only here is it certain that no call of the handler, which may have called Close, is still under way in this context.

void Bridge::OnClosed(uv_handle_t* handle) {
  auto* bridge = static_cast<Bridge*>(handle->data);
  Napi::HandleScope scope(bridge->env_);
  bridge->handler_.Reset();
  napi_async_destroy(bridge->env_, bridge->context_);
  napi_remove_async_cleanup_hook(bridge->hook_);
  delete bridge;
}

void Bridge::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* bridge = static_cast<Bridge*>(data);
  if (!bridge->closing_) bridge->owner_.shutdown();
}

void Bridge::OnAsync(uv_async_t* handle) {
  auto* bridge = static_cast<Bridge*>(handle->data);
  const std::optional<Batch> batch = bridge->owner_.take();
  if (!batch) return;
  if (bridge->owner_.waiting()) bridge->Notify();
  bridge->Deliver(*batch);
}

// What the handler throws ends here, whatever it is: src/sensor/ebpf-sensor.ts catches first, this is the net below it. (The
// C++ wrapper of node-addon-api would abort the process when null or undefined is thrown, so the C calls are used.)
void Bridge::Deliver(const Batch& batch) {
  Napi::HandleScope scope(env_);
  napi_value arguments[2], receiver, result, thrown;
  bool pending = false;
  if (napi_create_buffer_copy(env_, batch.bytes.size(), batch.bytes.data(), nullptr, &arguments[0]) != napi_ok) {
    handler_errors_++;
    return;
  }
  napi_create_double(env_, static_cast<double>(batch.lost), &arguments[1]);
  napi_get_global(env_, &receiver);
  napi_make_callback(env_, context_, receiver, handler_.Value(), 2, arguments, &result);
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending) {
    napi_get_and_clear_last_exception(env_, &thrown);
    handler_errors_++;
  }
}

}  // namespace forebear
