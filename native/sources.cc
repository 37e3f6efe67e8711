// SPDX-License-Identifier: Apache-2.0
#include "sources.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

namespace forebear {

namespace {

using Types = std::unique_ptr<btf, decltype(&btf__free)>;

// A way to get a kind's records from the kernel's own functions.
struct Trampoline {
  const char* function;  // the last of those that its programs need: with it the others are there, too
  bpf_attach_type type;
  std::vector<std::string> programs;
};

struct Kind {
  uint32_t kind;
  Trampoline current, before_5_11;
  std::vector<std::string> by_syscall;
};

const Kind kKinds[] = {
    {FB_SESSION,
     {"ksys_setsid", BPF_TRACE_FEXIT, {"fb_session"}},
     {"proc_sid_connector", BPF_TRACE_FENTRY, {"fb_session_5_10"}},
     {"fb_sys_exit"}},
    {FB_CREDENTIALS,
     {"commit_creds", BPF_TRACE_FENTRY, {"fb_credentials"}},
     {"proc_id_connector", BPF_TRACE_FENTRY, {"fb_commit_5_10", "fb_credentials_5_10"}},
     {"fb_sys_enter", "fb_sys_exit"}},
};

constexpr uint32_t kCreated = 1 << FB_FILE_CREATED;
constexpr uint32_t kRenamed = 1 << FB_FILE_RENAMED;
constexpr uint32_t kDeleted = 1 << FB_FILE_DELETED;
constexpr uint32_t kModified = 1 << FB_FILE_MODIFIED;

// A program of native/bpf/file_hooks.bpf.h: for which operations, where it is attached; on kernels without that function the second.
struct FileHook {
  uint32_t operations;
  const char *function, *program;
  const char *older_function = nullptr, *older_program = nullptr;
};

const FileHook kFileHooks[] = {
    {kCreated | kModified, "security_file_post_open", "fb_file_post_open", "do_filp_open", "fb_file_opened"},
    {kCreated, "security_path_mknod", "fb_path_mknod"},
    {kCreated, "security_path_link", "fb_path_link"},
    {kCreated, "security_path_symlink", "fb_path_symlink"},
    {kCreated, "vfs_mknod", "fb_path_made_node"},
    {kCreated, "vfs_create", "fb_path_made_file"},
    {kCreated, "vfs_link", "fb_path_made_link"},
    {kCreated, "vfs_symlink", "fb_path_made_symlink"},
    {kDeleted, "security_path_unlink", "fb_path_unlink"},
    {kDeleted, "security_path_rmdir", "fb_path_rmdir"},
    {kDeleted, "d_delete", "fb_path_deleted"},
    {kRenamed, "security_path_rename", "fb_path_rename"},
    {kRenamed, "d_move", "fb_path_moved"},
    {kRenamed, "d_exchange", "fb_path_exchanged"},
    {kModified, "locks_remove_file", "fb_file_closed"},
    {kModified, "vfs_truncate", "fb_path_truncated"},
};

// A program of native/bpf/calls.bpf.h and the function that it is attached to: of both ways into the kernel, as far as it has them.
struct CallHook {
  const char *function, *program;
};

#if defined(__x86_64__)
const CallHook kCallHooks[] = {
    {"__x64_sys_memfd_create", "fb_memfd"}, {"__ia32_sys_memfd_create", "fb_memfd_32"},
    {"__x64_sys_ptrace", "fb_ptrace"},      {"__ia32_compat_sys_ptrace", "fb_ptrace_32"},
    {"__x64_sys_shmget", "fb_shmget"},      {"__ia32_sys_shmget", "fb_shmget_32"},
};
#elif defined(__aarch64__)
const CallHook kCallHooks[] = {
    {"__arm64_sys_memfd_create", "fb_memfd"},
    {"__arm64_sys_ptrace", "fb_ptrace"},
    {"__arm64_compat_sys_ptrace", "fb_ptrace_32"},
    {"__arm64_sys_shmget", "fb_shmget"},
};
#endif

#if defined(__x86_64__)
const CallHook kLookupHooks[] = {
    {"__x64_sys_recvfrom", "fb_sys_recvfrom"}, {"__x64_sys_recvmsg", "fb_sys_recvmsg"}, {"__x64_sys_read", "fb_sys_read"}};
#elif defined(__aarch64__)
const CallHook kLookupHooks[] = {
    {"__arm64_sys_recvfrom", "fb_sys_recvfrom"}, {"__arm64_sys_recvmsg", "fb_sys_recvmsg"}, {"__arm64_sys_read", "fb_sys_read"}};
#endif

constexpr bpf_insn kCallCurrentTask = {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_task_btf};
constexpr bpf_insn kReturn0[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0}, {.code = BPF_JMP | BPF_EXIT}};

// Attaches a program to the function for a moment; 0 or an errno. call: the program asks for the current task.
int Try(const btf* types, const Trampoline& trampoline, bool call) {
  const int function = btf__find_by_name_kind(types, trampoline.function, BTF_KIND_FUNC);
  if (function < 0) return -function;
  std::vector<bpf_insn> program;
  if (call) program.push_back(kCallCurrentTask);
  program.insert(program.end(), std::begin(kReturn0), std::end(kReturn0));
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = trampoline.type,
              .attach_btf_id = static_cast<uint32_t>(function));
  const int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "fb_try", "GPL", program.data(), program.size(), &options);
  if (fd < 0) return -fd;
  const int link = bpf_raw_tracepoint_open(nullptr, fd);
  if (link >= 0) close(link);
  close(fd);
  return link < 0 ? -link : 0;
}

// A kernel without the helper (EINVAL) has no system calls as a source either: those programs need it, too.
Source Choose(const btf* types, const Kind& kind) {
  const int error = Try(types, kind.current, true);
  if (error == 0) return {kind.kind, kind.current.programs};
  if (error != EINVAL) return {kind.kind, kind.by_syscall, true, error};
  const int older = Try(types, kind.before_5_11, false);
  return {kind.kind, older == 0 ? kind.before_5_11.programs : std::vector<std::string>(), false, older};
}

bool HasFunction(const btf* types, const char* function) {
  return function != nullptr && btf__find_by_name_kind(types, function, BTF_KIND_FUNC) >= 0;
}

// All hooks or none: what half of them missed would look like quiet. Whether trampolines are allowed is found out by the first.
Source ChooseForFiles(const btf* types, uint32_t operations) {
  Source hooks{FB_FILE};
  Source calls{FB_FILE, {"fb_sys_exit"}, true};
  if (operations & kModified) calls.programs.insert(calls.programs.end(), {"fb_sys_enter", "fb_exit_files"});
  for (const FileHook& hook : kFileHooks) {
    if ((hook.operations & operations) == 0) continue;
    const bool current = HasFunction(types, hook.function);
    const char* function = current ? hook.function : hook.older_function;
    if (!HasFunction(types, function)) calls.refusal = ENOENT;
    else if (hooks.programs.empty()) calls.refusal = Try(types, {function, BPF_TRACE_FENTRY, {}}, false);
    if (calls.refusal != 0) return calls;
    hooks.programs.push_back(current ? hook.program : hook.older_program);
  }
  return hooks;
}

// Attempts and ends have a tracepoint everywhere, what is accepted has none.
Source ChooseForAccepts(const btf* types) {
  const int refusal = Try(types, {"inet_csk_accept", BPF_TRACE_FEXIT, {}}, false);
  if (refusal == 0) return {FB_ACCEPTS, {"fb_accepted"}};
  return {FB_ACCEPTS, {"fb_sys_exit"}, true, refusal};
}

template <size_t N>
Source ChooseForCalls(const btf* types, uint32_t kind, const CallHook (&table)[N]) {
  Source hooks{kind};
  const int refusal = Try(types, {table[0].function, BPF_TRACE_FEXIT, {}}, false);
  if (refusal != 0) return {kind, {"fb_sys_exit"}, true, refusal};
  for (const CallHook& hook : table) {
    if (HasFunction(types, hook.function)) hooks.programs.push_back(hook.program);
  }
  return hooks;
}

// No programs: a kernel without modules.
Source ChooseForModules(const btf* types) {
  if (btf__find_by_name_kind(types, "btf_trace_module_load", BTF_KIND_TYPEDEF) < 0) return {FB_MODULES};
  return {FB_MODULES, {"fb_module"}};
}

}  // namespace

std::vector<Source> ChooseSources(uint32_t wanted, uint32_t file_operations) {
  std::vector<Source> sources;
  if (wanted == 0) return sources;
  const Types types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) return sources;  // then nothing else loads
  for (const Kind& kind : kKinds) {
    if (wanted >> kind.kind & 1) sources.push_back(Choose(types.get(), kind));
  }
  if (wanted >> FB_FILE & 1) sources.push_back(ChooseForFiles(types.get(), file_operations));
  if (wanted >> FB_NETWORK & 1) sources.push_back({FB_NETWORK, {"fb_sock_state", "fb_sock_retry"}});
  if (wanted >> FB_ACCEPTS & 1) sources.push_back(ChooseForAccepts(types.get()));
  if (wanted >> FB_CALL & 1) sources.push_back(ChooseForCalls(types.get(), FB_CALL, kCallHooks));
  if (wanted >> FB_LOOKUPS & 1) sources.push_back(ChooseForCalls(types.get(), FB_LOOKUPS, kLookupHooks));
  if (wanted >> FB_MODULES & 1) sources.push_back(ChooseForModules(types.get()));
  return sources;
}

// As libbpf 1.0 and later name it; empty: it named none.
static std::string RefusedProgram(const std::string& log) {
  const std::string before = "prog '";
  const size_t end = log.rfind("': failed to load: ");
  const size_t begin = end == std::string::npos ? end : log.rfind(before, end);
  return begin == std::string::npos ? "" : log.substr(begin + before.size(), end - begin - before.size());
}

bool GiveUpRefused(std::vector<Source>* sources, int error, const std::string& log) {
  const std::string refused = RefusedProgram(log);
  const auto has = [&](const Source& source) {
    return std::find(source.programs.begin(), source.programs.end(), refused) != source.programs.end();
  };
  const bool optional = std::any_of(sources->begin(), sources->end(), has);
  bool any = false;
  for (Source& source : *sources) {
    if (source.programs.empty() || (optional && !has(source))) continue;
    source = {source.kind, {}, false, error, log};
    any = true;
  }
  return any;
}

uint32_t SelectPrograms(bpf_object* object, const std::vector<Source>& sources) {
  uint32_t by_syscall = 0;
  std::vector<std::string> selected;
  for (const Source& source : sources) {
    selected.insert(selected.end(), source.programs.begin(), source.programs.end());
    if (source.by_syscall) by_syscall |= 1u << source.kind;
  }
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    const std::string name = bpf_program__name(program);
    if (std::find(selected.begin(), selected.end(), name) != selected.end()) bpf_program__set_autoload(program, true);
  }
  return by_syscall;
}

}  // namespace forebear
