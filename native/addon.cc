// SPDX-License-Identifier: Apache-2.0
// What src/sensor/binding.ts loads: the class Sensor (a Probe and a Reader with one life), the boot clock, a file lock.
// Everything here runs on the JavaScript thread. Types: src/sensor/binding.ts; if you change one, also change the other.
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "bpf/libbpf.h"
#include "bridge.h"
#include "loading.h"
#include "probe.h"
#include "reader.h"
#include "wire.h"

// The offsets that src/sensor/layout.ts reads by.
static_assert(sizeof(fb_head) == 16 && sizeof(fb_field) == 8);
static_assert(sizeof(fb_task) == 144 && offsetof(fb_task, tgid) == 48 && offsetof(fb_task, comm) == 128);
static_assert(sizeof(fb_creator) == 16 && sizeof(fb_exit) == 16 && sizeof(fb_inode) == 56 && sizeof(fb_credentials) == 48);
static_assert(sizeof(fb_file) == 16 && sizeof(fb_place) == 64);
static_assert(sizeof(fb_network) == 80 && offsetof(fb_network, local_port) == 56 && sizeof(fb_call) == 48);

namespace forebear {

namespace {

std::map<std::string, uint32_t> NumbersOf(const Napi::Object& object) {
  std::map<std::string, uint32_t> numbers;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).As<Napi::String>();
    numbers[name] = object.Get(name).As<Napi::Number>().Uint32Value();
  }
  return numbers;
}

std::map<std::string, std::vector<uint8_t>> BytesOf(const Napi::Value& value) {
  std::map<std::string, std::vector<uint8_t>> bytes;
  if (!value.IsObject()) return bytes;
  const auto object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).As<Napi::String>();
    const auto array = object.Get(name).As<Napi::Uint8Array>();
    bytes[name].assign(array.Data(), array.Data() + array.ByteLength());
  }
  return bytes;
}

void Throw(Napi::Env env, const Failure& failure) { ErrorOf(env, failure).ThrowAsJavaScriptException(); }

}  // namespace

// new Sensor() -> load -> attach -> iterate -> read -> stop -> counters -> close. A call out of order throws, step "state".
class Sensor : public Napi::ObjectWrap<Sensor> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Sensor",
                       {InstanceMethod<&Sensor::Load>("load"), InstanceMethod<&Sensor::Attach>("attach"),
                        InstanceMethod<&Sensor::Iterate>("iterate"), InstanceMethod<&Sensor::Read>("read"),
                        InstanceMethod<&Sensor::Stop>("stop"), InstanceMethod<&Sensor::Close>("close"),
                        InstanceMethod<&Sensor::Counters>("counters"), InstanceMethod<&Sensor::Programs>("programs"),
                        InstanceMethod<&Sensor::Sources>("sources"), InstanceMethod<&Sensor::FrozenMaps>("frozenMaps"),
                        InstanceMethod<&Sensor::SetHints>("setHints"), InstanceMethod<&Sensor::TakeInventory>("inventory")});
  }

  explicit Sensor(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  ~Sensor() override { Shutdown(); }

 private:
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value Iterate(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Counters(const Napi::CallbackInfo& info);
  Napi::Value Programs(const Napi::CallbackInfo& info);
  Napi::Value Sources(const Napi::CallbackInfo& info);
  Napi::Value FrozenMaps(const Napi::CallbackInfo& info);
  Napi::Value SetHints(const Napi::CallbackInfo& info);
  Napi::Value TakeInventory(const Napi::CallbackInfo& info);

  bool Ready(Napi::Env env, bool loaded) {
    if ((probe_ != nullptr) == loaded && reader_ == nullptr && !loading_) return true;
    Throw(env, {"state", EBUSY, ""});
    return false;
  }

  // Detaches, joins the reader, lets go of the event loop. What is queued stays. Idempotent.
  void Shutdown() {
    if (probe_) probe_->Detach();
    if (reader_) reader_->Stop();
    if (bridge_) std::exchange(bridge_, nullptr)->Close();
  }

  bool loading_ = false;
  std::unique_ptr<Probe> probe_;
  std::unique_ptr<Reader> reader_;  // declared after the probe: destroyed first
  Bridge* bridge_ = nullptr;        // owns itself, see bridge.h
  uint64_t handler_errors_ = 0;
};

// load({object, constants, mapEntries, wanted?, contents?}): Promise<void>. wanted has 1 << kind for each optional kind; contents:
// Uint8Array by map name
Napi::Value Sensor::Load(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!Ready(env, false)) return env.Undefined();
  const auto options = info[0].As<Napi::Object>();
  const Napi::Value wanted = options.Get("wanted");
  loading_ = true;
  auto* loading = new Loading(info.This().As<Napi::Object>(),
                              {.object_path = options.Get("object").As<Napi::String>(),
                               .constants = NumbersOf(options.Get("constants").As<Napi::Object>()),
                               .map_entries = NumbersOf(options.Get("mapEntries").As<Napi::Object>()),
                               .wanted = wanted.IsNumber() ? wanted.As<Napi::Number>().Uint32Value() : 0,
                               .contents = BytesOf(options.Get("contents"))},
                              [this](std::unique_ptr<Probe> probe) {
                                loading_ = false;
                                probe_ = std::move(probe);
                              });
  const Napi::Promise settled = loading->Promise();
  loading->Queue();
  return settled;
}

Napi::Value Sensor::Attach(const Napi::CallbackInfo& info) {
  if (Ready(info.Env(), true)) probe_->Attach();
  return info.Env().Undefined();
}

// iterate(): Buffer of the task records of what runs now
Napi::Value Sensor::Iterate(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!Ready(env, true)) return env.Undefined();
  std::vector<uint8_t> bytes;
  if (const auto failure = probe_->Iterate(&bytes)) {
    Throw(env, *failure);
    return env.Undefined();
  }
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

// read({queueBytes, batchBytes, intervalMs}, (bytes, lost) => void): starts the reader thread
Napi::Value Sensor::Read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!Ready(env, true)) return env.Undefined();
  const auto options = info[0].As<Napi::Object>();
  const auto number = [&](const char* name) { return options.Get(name).As<Napi::Number>().Int64Value(); };
  bridge_ = Bridge::Open(env, info[1].As<Napi::Function>(),
                         {.take = [this] { return reader_->Take(); },
                          .waiting = [this] { return reader_->Waiting(); },
                          .shutdown = [this] { Shutdown(); }});
  if (bridge_ == nullptr) {
    Throw(env, {"read", ENOMEM, ""});
    return env.Undefined();
  }
  reader_ = std::make_unique<Reader>(ReaderOptions{
      .ring_fd = probe_->ring_fd(),
      .ring_bytes = probe_->ring_bytes(),
      .control = probe_->control(),
      .lost = [probe = probe_.get()] { return probe->LostTotal(); },
      .notify = [bridge = bridge_] { bridge->Notify(); },
      .queue_bytes = static_cast<size_t>(number("queueBytes")),
      .batch_bytes = static_cast<size_t>(std::max<int64_t>(number("batchBytes"), FB_RECORD_MAX)),
      .interval_ms = static_cast<int>(number("intervalMs")),
  });
  if (const int error = reader_->Start()) {
    Shutdown();
    Throw(env, {"read", error, ""});
    return env.Undefined();
  }
  Ref();  // not collected while it runs
  return env.Undefined();
}

// stop(): Buffer[], the batches that were not delivered yet, in order. Afterwards counters() is final.
Napi::Value Sensor::Stop(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array rest = Napi::Array::New(env);
  const bool reading = bridge_ != nullptr;
  if (reading) handler_errors_ += bridge_->handler_errors();
  Shutdown();
  for (uint32_t i = 0; reader_ != nullptr; i++) {
    const auto batch = reader_->Take();
    if (!batch) break;
    rest.Set(i, Napi::Buffer<uint8_t>::Copy(env, batch->bytes.data(), batch->bytes.size()));
  }
  if (reading) Unref();
  return rest;
}

// close(): frees the programs and maps; the object is as new. Not while it loads: nobody may free what the thread fills.
Napi::Value Sensor::Close(const Napi::CallbackInfo& info) {
  if (loading_) {
    Throw(info.Env(), {"state", EBUSY, ""});
    return info.Env().Undefined();
  }
  Stop(info);
  reader_.reset();
  probe_.reset();
  return info.Env().Undefined();
}

// counters(): {kernel: number[FB_COUNTERS], recursionMisses, syscallMisses, records, bytes, queueFull, wakeups, sleeps, roused, handlerErrors}
Napi::Value Sensor::Counters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  Napi::Array kernel = Napi::Array::New(env, FB_COUNTERS);
  const CounterArray counters = probe_ ? probe_->Counters() : CounterArray{};
  for (uint32_t i = 0; i < FB_COUNTERS; i++) kernel.Set(i, Napi::Number::New(env, static_cast<double>(counters[i])));
  const auto set = [&](const char* name, uint64_t value) { out.Set(name, Napi::Number::New(env, static_cast<double>(value))); };
  const ReaderCounters reader = reader_ ? reader_->Counters() : ReaderCounters{};
  out.Set("kernel", kernel);
  set("recursionMisses", probe_ ? probe_->RecursionMisses() : 0);
  set("syscallMisses", probe_ ? probe_->SyscallMisses() : 0);
  set("records", reader.records);
  set("bytes", reader.bytes);
  set("queueFull", reader.queue_full);
  set("wakeups", reader.wakeups);
  set("sleeps", reader.sleeps);
  set("roused", reader.roused);
  set("handlerErrors", handler_errors_ + (bridge_ ? bridge_->handler_errors() : 0));
  return out;
}

// programs(): {name, section, attached, errno, log, verifiedInstructions}[]
Napi::Value Sensor::Programs(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array out = Napi::Array::New(env);
  if (probe_ == nullptr) return out;
  for (const ProgramState& state : probe_->Programs()) {
    Napi::Object program = Napi::Object::New(env);
    program.Set("name", state.name);
    program.Set("section", state.section);
    program.Set("attached", Napi::Boolean::New(env, state.attached));
    program.Set("errno", Napi::Number::New(env, state.error));
    program.Set("log", state.log);
    program.Set("verifiedInstructions", Napi::Number::New(env, state.verified_instructions));
    out.Set(out.Length(), program);
  }
  return out;
}

// sources(): {kind, programs: string[], bySyscall, refusal, log}[] of the wanted kinds
Napi::Value Sensor::Sources(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array out = Napi::Array::New(env);
  if (probe_ == nullptr) return out;
  for (const Source& chosen : probe_->Sources()) {
    Napi::Object source = Napi::Object::New(env);
    Napi::Array programs = Napi::Array::New(env);
    for (const std::string& name : chosen.programs) programs.Set(programs.Length(), name);
    source.Set("kind", Napi::Number::New(env, chosen.kind));
    source.Set("programs", programs);
    source.Set("bySyscall", Napi::Boolean::New(env, chosen.by_syscall));
    source.Set("refusal", Napi::Number::New(env, chosen.refusal));
    source.Set("log", chosen.log);
    out.Set(out.Length(), source);
  }
  return out;
}

Napi::Value Sensor::FrozenMaps(const Napi::CallbackInfo& info) {
  Napi::Array out = Napi::Array::New(info.Env());
  if (probe_ == nullptr) return out;
  for (const std::string& name : probe_->FrozenMaps()) out.Set(out.Length(), name);
  return out;
}

// setHints(keys: Buffer of FB_HINT_MAX bytes each): number that found room
Napi::Value Sensor::SetHints(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (probe_ == nullptr) {
    Throw(env, {"state", EBUSY, ""});
    return env.Undefined();
  }
  const auto bytes = info[0].As<Napi::Uint8Array>();
  std::vector<HintKey> keys(bytes.ByteLength() / FB_HINT_MAX);
  if (!keys.empty()) memcpy(keys.data(), bytes.Data(), keys.size() * FB_HINT_MAX);
  return Napi::Number::New(env, static_cast<double>(probe_->SetHints(keys)));
}

// inventory(): {errno, maps: {id, refs, users, own}[], programs: {id, type, uid, loadedNs, name, hook, own}[], ringMoved, hintsMissing}
Napi::Value Sensor::TakeInventory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (probe_ == nullptr) {
    Throw(env, {"state", EBUSY, ""});
    return env.Undefined();
  }
  const Inventory inventory = probe_->TakeInventory();
  Napi::Array maps = Napi::Array::New(env);
  for (const fb_map_row& row : inventory.maps) {
    Napi::Object map = Napi::Object::New(env);
    map.Set("id", Napi::Number::New(env, row.id));
    map.Set("refs", Napi::Number::New(env, static_cast<double>(row.refs)));
    map.Set("users", Napi::Number::New(env, row.users));
    map.Set("own", Napi::Boolean::New(env, inventory.own_maps.contains(row.id)));
    maps.Set(maps.Length(), map);
  }
  Napi::Array programs = Napi::Array::New(env);
  for (const fb_prog_row& row : inventory.programs) {
    Napi::Object program = Napi::Object::New(env);
    program.Set("id", Napi::Number::New(env, row.id));
    program.Set("type", Napi::Number::New(env, row.type));
    program.Set("uid", Napi::Number::New(env, row.uid));
    program.Set("loadedNs", Napi::BigInt::New(env, uint64_t{row.loaded_ns}));
    program.Set("name", Napi::String::New(env, std::string(row.name, strnlen(row.name, sizeof row.name))));
    program.Set("hook", Napi::String::New(env, std::string(row.hook, strnlen(row.hook, sizeof row.hook))));
    program.Set("own", Napi::Boolean::New(env, inventory.own_programs.contains(row.id)));
    programs.Set(programs.Length(), program);
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("errno", Napi::Number::New(env, inventory.error));
  out.Set("maps", maps);
  out.Set("programs", programs);
  out.Set("ringMoved", Napi::Number::New(env, static_cast<double>(reader_ ? reader_->RingMoved() : 0)));
  out.Set("hintsMissing", Napi::Number::New(env, static_cast<double>(probe_->HintsMissing())));
  return out;
}

namespace {

// bootTimeNs(): bigint, CLOCK_BOOTTIME
Napi::Value BootTimeNs(const Napi::CallbackInfo& info) {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const uint64_t ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  return Napi::BigInt::New(info.Env(), ns);
}

// lockFile(path): fd that holds an exclusive flock(2) on the file (made if missing) until closed, or -errno
Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  int result = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (result < 0) {
    result = -errno;
  } else if (flock(result, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(result);
    result = -error;
  }
  return Napi::Number::New(info.Env(), result);
}

// possibleCpus(): the highest CPU number + 1. Not their count (libbpf_num_possible_cpus): arm64 leaves a gap in the numbers
// where a CPU did not come up.
Napi::Value PossibleCpus(const Napi::CallbackInfo& info) {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string ranges;  // "0-3" or "0,2-3"
  std::getline(file, ranges);
  const size_t last = ranges.find_last_of(",-");
  const int highest = atoi(ranges.c_str() + (last == std::string::npos ? 0 : last + 1));
  return Napi::Number::New(info.Env(), ranges.empty() ? libbpf_num_possible_cpus() : highest + 1);
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  CaptureLibbpfLog();
  exports.Set("Sensor", Sensor::Define(env));
  exports.Set("bootTimeNs", Napi::Function::New<BootTimeNs>(env));
  exports.Set("lockFile", Napi::Function::New<LockFile>(env));
  exports.Set("possibleCpus", Napi::Function::New<PossibleCpus>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(forebear, Init)

}  // namespace forebear
