// SPDX-License-Identifier: Apache-2.0
// What a service owes its manager and Node does not offer: datagrams on a unix socket (sd_notify(3)), an empty ambient
// set of capabilities, and who sent SIGTERM. An addon of its own without libbpf and libstdc++, so that ship and the hub need neither.
// Types: src/service/binding.ts; if you change one, also change the other.
#include <node_api.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace {

// Longer ones are cut by nobody: the caller keeps below.
constexpr size_t kMessageMax = 4096;

napi_value NumberOf(napi_env env, int number) {
  napi_value value = nullptr;
  napi_create_int32(env, number, &value);
  return value;
}

// notify(socket, message): 0 or -errno. socket: a path, or @NAME for an abstract one. Never waits: a manager that does not
// read must not hold up who it watches.
napi_value Notify(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  char message[kMessageMax];
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  size_t path = 0;
  size_t length = 0;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (napi_get_value_string_utf8(env, arguments[0], address.sun_path, sizeof address.sun_path, &path) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], message, sizeof message, &length) != napi_ok) {
    return NumberOf(env, -EINVAL);
  }
  // One that fills the address has been cut.
  const bool known = address.sun_path[0] == '/' || address.sun_path[0] == '@';
  if (!known || path + 1 >= sizeof address.sun_path) return NumberOf(env, -EINVAL);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return NumberOf(env, -errno);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path);
  const ssize_t sent = sendto(fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT, to, size);
  const int result = sent < 0 ? -errno : 0;
  close(fd);
  return NumberOf(env, result);
}

// clearAmbient(): 0 or -errno. Of the calling thread: what it executes from now on gets no capability; its own stay.
napi_value ClearAmbient(napi_env env, napi_callback_info /*info*/) {
  return NumberOf(env, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 ? 0 : -errno);
}

// Of the last SIGTERM. Written by a signal handler: no locks, no allocation; a pid of 0 is outside of this pid namespace.
volatile sig_atomic_t sender_known = 0;
volatile sig_atomic_t sender_pid = 0;
volatile sig_atomic_t sender_uid = 0;
void (*next_handler)(int) = nullptr;

void RememberSender(int number, siginfo_t* info, void* /*context*/) {
  if (info->si_code <= 0) {  // kill(2), sigqueue(3), tkill(2)
    sender_pid = info->si_pid;
    sender_uid = static_cast<sig_atomic_t>(info->si_uid);
    sender_known = 1;
  }
  next_handler(number);
}

// watchTermination(): 0 or -errno. To be called once libuv has its handler (process.on('SIGTERM')), which is called in turn.
napi_value WatchTermination(napi_env env, napi_callback_info /*info*/) {
  struct sigaction action = {};
  if (sigaction(SIGTERM, nullptr, &action) != 0) return NumberOf(env, -errno);
  if ((action.sa_flags & SA_SIGINFO) != 0) return NumberOf(env, action.sa_sigaction == RememberSender ? 0 : -EBUSY);
  if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) return NumberOf(env, -ESRCH);
  next_handler = action.sa_handler;
  action.sa_sigaction = RememberSender;
  action.sa_flags |= SA_SIGINFO;
  return NumberOf(env, sigaction(SIGTERM, &action, nullptr) == 0 ? 0 : -errno);
}

// terminationSender(): {pid, uid} or undefined. uid: real, as unsigned.
napi_value TerminationSender(napi_env env, napi_callback_info /*info*/) {
  napi_value sender = nullptr;
  if (sender_known == 0) {
    napi_get_undefined(env, &sender);
    return sender;
  }
  napi_value uid = nullptr;
  napi_create_object(env, &sender);
  napi_create_uint32(env, static_cast<uint32_t>(sender_uid), &uid);
  napi_set_named_property(env, sender, "pid", NumberOf(env, sender_pid));
  napi_set_named_property(env, sender, "uid", uid);
  return sender;
}

void Define(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  Define(env, exports, "notify", Notify);
  Define(env, exports, "clearAmbient", ClearAmbient);
  Define(env, exports, "watchTermination", WatchTermination);
  Define(env, exports, "terminationSender", TerminationSender);
  return exports;
}
