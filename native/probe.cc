// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "signals.h"

namespace forebear {

namespace {

constexpr const char* kEverySyscall = "fb_sys_";  // begin of the names of programs that run at every system call
constexpr const char* kSecond = "_again";        // end of the names of programs that take what another one was skipped for
constexpr size_t kLogBytes = 16 << 10;  // the end of the log is kept: the verifier's verdict stands there

thread_local std::string* log_sink = nullptr;

int Print(libbpf_print_level level, const char* format, va_list arguments) {
  if (log_sink == nullptr || level == LIBBPF_DEBUG) return 0;
  std::vector<char> text(1 << 20);  // a verifier's log comes as one message
  const int length = vsnprintf(text.data(), text.size(), format, arguments);
  if (length <= 0) return 0;
  log_sink->append(text.data(), std::min(static_cast<size_t>(length), text.size() - 1));
  if (log_sink->size() > kLogBytes) log_sink->erase(0, log_sink->size() - kLogBytes);
  return 0;
}

// Collects what libbpf says on this thread while it lives.
class LogScope {
 public:
  LogScope() { log_sink = &text_; }
  ~LogScope() { log_sink = nullptr; }
  Failure Fail(const char* step, int error) { return {step, error < 0 ? -error : error, text_}; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

bpf_prog_info InfoOf(bpf_program* program) {
  bpf_prog_info info = {};
  uint32_t length = sizeof info;
  const int fd = bpf_program__fd(program);
  if (fd >= 0) bpf_obj_get_info_by_fd(fd, &info, &length);
  return info;
}

bool IsSecond(bpf_program* program) { return std::string(bpf_program__name(program)).ends_with(kSecond); }

// Whether programs can be preempted (native/bpf/twice.bpf.h). Where a vendor's older kernel can, too, what it skips is counted.
bool IsPreemptible() {
  utsname name = {};
  return uname(&name) == 0 && atoi(name.release) >= 7;
}

bool IsIterator(bpf_program* program) { return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER; }

// Offset of a __u32 variable in a section that became a map, by its BTF; negative when there is none.
int64_t VariableOffset(const bpf_object* object, const char* section, const std::string& name) {
  const btf* types = bpf_object__btf(object);
  if (types == nullptr) return -1;
  const int id = btf__find_by_name_kind(types, section, BTF_KIND_DATASEC);
  if (id < 0) return -1;
  const btf_type* type = btf__type_by_id(types, static_cast<uint32_t>(id));
  const btf_var_secinfo* variables = btf_var_secinfos(type);
  for (int i = 0; i < btf_vlen(type); i++) {
    const btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (variables[i].size == sizeof(uint32_t) && name == btf__name_by_offset(types, variable->name_off)) {
      return variables[i].offset;
    }
  }
  return -1;
}

// Until every program that was running at the call has ended: programs run inside RCU readers, and a global membarrier
// waits for a grace period. Kernels with nohz_full refuse it; there a pause far longer than any program runs must do.
void WaitForRunningPrograms() {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) usleep(20'000);
}

}  // namespace

void CaptureLibbpfLog() { libbpf_set_print(Print); }

// The verifier gives up (EAGAIN) when a signal is pending for this thread, and libbpf tries again a few times only.
static int LoadObject(bpf_object* object) {
  BlockSignals blocked;
  return bpf_object__load(object);
}

Probe::~Probe() {
  Detach();
  if (control_ != nullptr) munmap(control_, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  bpf_object__close(object_);
}

std::optional<Failure> Probe::Load(const ProbeOptions& options) {
  const auto operations = options.constants.find("fb_file_ops");
  sources_ = ChooseSources(options.wanted, operations == options.constants.end() ? 0 : operations->second);
  auto failure = LoadPrograms(options);
  while (failure && failure->step == "load" && GiveUpRefused(&sources_, failure->error, failure->log)) {
    failure = LoadPrograms(options);
  }
  if (failure) return failure;
  ring_fd_ = bpf_object__find_map_fd_by_name(object_, "fb_ring");
  counters_fd_ = bpf_object__find_map_fd_by_name(object_, "fb_counters");
  hints_fd_ = bpf_object__find_map_fd_by_name(object_, "fb_hints");
  if (ring_fd_ < 0 || counters_fd_ < 0 || hints_fd_ < 0) return Failure{"map", ENOENT, ""};
  ring_bytes_ = bpf_map__max_entries(bpf_object__find_map_by_name(object_, "fb_ring"));
  cpus_ = libbpf_num_possible_cpus();
  if (failure = MapControl()) return failure;
  if (failure = Fill(options)) return failure;
  Freeze();
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    if (!bpf_program__autoload(program)) continue;
    programs_.push_back(program);
    states_.push_back({.name = bpf_program__name(program),
                       .section = bpf_program__section_name(program),
                       .verified_instructions = InfoOf(program).verified_insns});
  }
  return std::nullopt;
}

std::optional<Failure> Probe::LoadPrograms(const ProbeOptions& options) {
  LogScope log;
  bpf_object__close(object_);
  object_ = bpf_object__open_file(options.object_path.c_str(), nullptr);
  if (object_ == nullptr) return log.Fail("open", errno);
  if (auto failure = Size(options)) return failure;
  if (auto failure = SetConstants(options, SelectPrograms(object_, sources_))) return failure;
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    if (IsSecond(program)) bpf_program__set_autoload(program, IsPreemptible());
  }
  if (const int error = LoadObject(object_)) return log.Fail("load", error);
  return std::nullopt;
}

std::optional<Failure> Probe::Size(const ProbeOptions& options) {
  for (const auto& [name, entries] : options.map_entries) {
    bpf_map* map = bpf_object__find_map_by_name(object_, name.c_str());
    if (map == nullptr) return Failure{"size", ENOENT, "no map " + name};
    if (const int error = bpf_map__set_max_entries(map, entries)) return Failure{"size", -error, name};
  }
  return std::nullopt;
}

std::optional<Failure> Probe::SetConstants(const ProbeOptions& options, uint32_t by_syscall) {
  bpf_map* map = bpf_object__find_map_by_name(object_, ".rodata");
  if (map == nullptr) return Failure{"constant", ENOENT, ".rodata"};
  size_t size = 0;
  const auto* initial = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
  std::vector<uint8_t> values(initial, initial + size);
  auto constants = options.constants;
  constants["fb_by_syscall"] = by_syscall;
  constants["fb_twice"] = IsPreemptible();
  for (const auto& [name, value] : constants) {
    const int64_t offset = VariableOffset(object_, ".rodata", name);
    if (offset < 0 || offset + sizeof value > size) return Failure{"constant", ENOENT, name};
    memcpy(values.data() + offset, &value, sizeof value);
  }
  if (const int error = bpf_map__set_initial_value(map, values.data(), size)) return Failure{"constant", -error, ".rodata"};
  return std::nullopt;
}

std::optional<Failure> Probe::MapControl() {
  const bpf_map* map = bpf_object__find_map_by_name(object_, ".data.control");
  if (map == nullptr || bpf_map__value_size(map) < sizeof(fb_control)) return Failure{"map", ENOENT, ".data.control"};
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (at == MAP_FAILED) return Failure{"map", errno, ".data.control"};
  control_ = static_cast<fb_control*>(at);
  return std::nullopt;
}

std::optional<Failure> Probe::Fill(const ProbeOptions& options) {
  for (const auto& [name, bytes] : options.contents) {
    const bpf_map* map = bpf_object__find_map_by_name(object_, name.c_str());
    if (map == nullptr) return Failure{"fill", ENOENT, name};
    const size_t key = bpf_map__key_size(map), row = key + bpf_map__value_size(map);
    for (size_t at = 0; at + row <= bytes.size(); at += row) {
      const uint8_t* entry = bytes.data() + at;
      if (bpf_map_update_elem(bpf_map__fd(map), entry, entry + key, BPF_ANY) != 0) return Failure{"fill", errno, name};
    }
  }
  return std::nullopt;
}

// Nobody but the programs can change a frozen map any more (.rodata: libbpf does it). Left open: what user space writes (fb_hints,
// changed by a reload), and what it maps for writing, which the kernel does not freeze: the ring's consumer page and the control
// block. Who else writes there is found out: HintsMissing(), Ring::moved(), and the canary that a reader put to sleep does not see.
void Probe::Freeze() {
  bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    const std::string name = bpf_map__name(map);
    const int fd = bpf_map__fd(map);
    if (bpf_map__is_internal(map) || fd == ring_fd_ || fd == hints_fd_) continue;
    if (bpf_map_freeze(fd) == 0) frozen_.push_back(name);
  }
}

void Probe::Attach() {
  for (size_t i = 0; i < programs_.size(); i++) {
    if (IsIterator(programs_[i])) continue;
    LogScope log;
    bpf_link* link = bpf_program__attach(programs_[i]);
    states_[i].attached = link != nullptr;
    if (link != nullptr) {
      links_.push_back(link);
    } else {
      states_[i].error = errno;
      states_[i].log = log.text();
    }
  }
}

// The other iterators are run in vain, so that it is known from the start whether they can be.
std::optional<Failure> Probe::Iterate(std::vector<uint8_t>* out) {
  std::optional<Failure> failure;
  for (size_t i = 0; i < programs_.size(); i++) {
    if (!IsIterator(programs_[i])) continue;
    LogScope log;
    const bool of_tasks = states_[i].section == "iter/task";
    std::vector<uint8_t> nobody_reads;
    states_[i].error = RunIterator(programs_[i], of_tasks ? out : &nobody_reads);
    states_[i].attached = states_[i].error == 0;
    if (of_tasks && states_[i].error != 0) failure = log.Fail("iterate", states_[i].error);
  }
  return failure;
}

Inventory Probe::TakeInventory() const { return forebear::TakeInventory(object_); }

size_t Probe::HintsMissing() const {
  uint8_t present = 0;
  return static_cast<size_t>(std::count_if(hints_.begin(), hints_.end(), [&](const HintKey& key) {
    return bpf_map_lookup_elem(hints_fd_, key.data(), &present) != 0;
  }));
}

void Probe::Detach() {
  if (links_.empty()) return;
  for (bpf_link* link : links_) bpf_link__destroy(link);
  links_.clear();
  WaitForRunningPrograms();
}

uint64_t Probe::Counter(uint32_t index) const {
  std::vector<uint64_t> per_cpu(static_cast<size_t>(cpus_));
  if (bpf_map_lookup_elem(counters_fd_, &index, per_cpu.data()) != 0) return 0;
  uint64_t sum = 0;
  for (const uint64_t value : per_cpu) sum += value;
  return sum;
}

CounterArray Probe::Counters() const {
  CounterArray counters;
  for (uint32_t i = 0; i < FB_COUNTERS; i++) counters[i] = Counter(i);
  return counters;
}

uint64_t Probe::LostTotal() const {
  uint64_t lost = 0;
  for (uint32_t kind = FB_EXEC; kind < FB_KINDS; kind++) lost += Counter(FB_C_LOST + kind);
  return lost;
}

// A program named X_again takes what X was skipped for: such a pair has lost at most the lesser of its misses.
uint64_t Probe::RecursionMisses() const {
  std::map<std::string, uint64_t> misses;
  for (bpf_program* program : programs_) misses[bpf_program__name(program)] = InfoOf(program).recursion_misses;
  uint64_t lost = 0;
  for (const auto& [name, count] : misses) {
    const auto again = misses.find(name + kSecond);
    const bool counted = !name.ends_with(kSecond) && !name.starts_with(kEverySyscall);
    if (counted) lost += again == misses.end() ? count : std::min(count, again->second);
  }
  return lost;
}

uint64_t Probe::SyscallMisses() const {
  uint64_t misses = 0;
  for (bpf_program* program : programs_) {
    if (std::string(bpf_program__name(program)).starts_with(kEverySyscall)) misses += InfoOf(program).recursion_misses;
  }
  return misses;
}

size_t Probe::SetHints(const std::vector<HintKey>& keys) {
  std::vector<HintKey> stale;
  HintKey key;
  for (const void* previous = nullptr; bpf_map_get_next_key(hints_fd_, previous, key.data()) == 0; previous = key.data()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) stale.push_back(key);
  }
  for (const HintKey& old : stale) bpf_map_delete_elem(hints_fd_, old.data());
  const uint8_t present = 1;
  size_t set = 0;
  hints_.clear();
  for (const HintKey& wanted : keys) {
    if (bpf_map_update_elem(hints_fd_, wanted.data(), &present, BPF_ANY) != 0) continue;
    hints_.push_back(wanted);
    set++;
  }
  return set;
}

}  // namespace forebear
