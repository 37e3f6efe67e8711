// The vocabulary beyond Elastic Defend's exec document, in the form of fields.ts, which takes it in.

import type { FieldType } from './fields.ts';

/** Of ECS, beyond Elastic Defend's document. */
export const MORE: Partial<Record<FieldType, string>> = {
  keyword: `
    process.parent.hash.md5
    process.parent.hash.sha1
    process.parent.hash.sha256
    file.Ext.original.extension
    file.Ext.original.name
    file.Ext.original.path
    file.directory
    file.extension
    file.gid
    file.group
    file.inode
    file.mode
    file.name
    file.owner
    file.path
    file.target_path
    file.type
    file.uid
    destination.address
    dns.question.name
    dns.question.type
    dns.response_code
    network.protocol
    network.direction
    network.transport
    network.type
    process.Ext.load_module.name
    process.Ext.memfd.name
    source.address
  `,
  boolean: `
    process.Ext.memfd.flag_allow_seal
    process.Ext.memfd.flag_cloexec
    process.Ext.memfd.flag_exec
    process.Ext.memfd.flag_hugetlb
    process.Ext.memfd.flag_noexec_seal
  `,
  ip: `
    destination.ip
    dns.resolved_ip
    source.ip
  `,
  date: `
    file.ctime
    file.mtime
  `,
  long: `
    file.size
    destination.bytes
    destination.port
    network.bytes
    process.Ext.memfd.flags
    process.Ext.ptrace.addr
    process.Ext.ptrace.child_pid
    process.Ext.ptrace.request
    process.Ext.shmget.flags
    process.Ext.shmget.key
    process.Ext.shmget.size
    source.bytes
    source.port
  `,
};

/** Forebear's own. */
export const VENDOR: Partial<Record<FieldType, string>> = {
  keyword: `
    forebear.raw.field
    forebear.raw.bytes
    forebear.ancestors.executable
    forebear.connection.id
    forebear.connection.result
    forebear.filename
    forebear.interpreter
    forebear.entry_leader_evidence
    forebear.parent_source
    forebear.previous.group.id
    forebear.previous.real_group.id
    forebear.previous.real_user.id
    forebear.previous.user.id
    forebear.truncated
    forebear.unreadable
    forebear.executable.flags
    forebear.file.flags
    forebear.hash_reason
    forebear.parent_hash_reason
  `,
  boolean: `
    forebear.host_namespace.mount
    forebear.host_namespace.network
    forebear.host_namespace.pid
    forebear.host_namespace.user
  `,
  long: `
    forebear.exit_signal
    forebear.file.links
    forebear.lost
  `,
};
