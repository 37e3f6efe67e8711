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

}  // namespace

std::vector<Source> ChooseSources(uint32_t wanted) {
  std::vector<Source> sources;
  if (wanted == 0) return sources;
  const Types types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) return sources;  // then nothing else loads
  for (const Kind& kind : kKinds) {
    if (wanted >> kind.kind & 1) sources.push_back(Choose(types.get(), kind));
  }
  return sources;
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
