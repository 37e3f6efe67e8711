// SPDX-License-Identifier: Apache-2.0
#include "loading.h"

#include <cstring>
#include <utility>

namespace forebear {

namespace {

// Not so in one that ends: there every call that could run JavaScript fails, on which the C++ wrapper aborts the process.
bool RunsJavaScript(napi_env env) {
  napi_value object, value;
  return napi_create_object(env, &object) == napi_ok && napi_get_undefined(env, &value) == napi_ok &&
         napi_set_named_property(env, object, "trial", value) == napi_ok;
}

}  // namespace

Napi::Error ErrorOf(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.step + ": " + strerror(failure.error));
  error.Set("step", failure.step);
  error.Set("errno", Napi::Number::New(env, failure.error));
  error.Set("log", failure.log);
  return error;
}

Loading::Loading(const Napi::Object& owner, ProbeOptions options, Done done)
    : AsyncWorker(owner.Env(), "forebear.load"),
      owner_(Napi::Persistent(owner)),
      settled_(Napi::Promise::Deferred::New(owner.Env())),
      options_(std::move(options)),
      done_(std::move(done)) {}

void Loading::Execute() { failure_ = probe_->Load(options_); }

void Loading::OnOK() {
  done_(failure_ ? nullptr : std::move(probe_));
  if (!RunsJavaScript(Env())) return;
  if (failure_) {
    settled_.Reject(ErrorOf(Env(), *failure_).Value());
  } else {
    settled_.Resolve(Env().Undefined());
  }
}

}  // namespace forebear
