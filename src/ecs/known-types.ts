// Types of ECS fields beyond the host's own table (fields.ts), for rules and documents that name them: source.ip is an
// address although no exec event has one. Only fields that are not keyword are listed; from the ECS 9 reference.

import type { FieldType } from './fields.ts';

const ENDPOINTS = ['client', 'destination', 'server', 'source'];

const NAMES: Partial<Record<FieldType, string>> = {
  boolean: `
    code_signature.exists code_signature.trusted code_signature.valid
    dll.code_signature.exists dll.code_signature.trusted dll.code_signature.valid
    faas.coldstart file.code_signature.exists file.code_signature.trusted file.code_signature.valid
    process.code_signature.exists process.code_signature.trusted process.code_signature.valid
    process.parent.code_signature.exists process.parent.code_signature.trusted process.parent.code_signature.valid
    tls.established tls.resumed
  `,
  date: `
    event.end event.ingested event.start file.accessed file.created file.ctime file.mtime package.installed
    process.parent.end threat.indicator.first_seen threat.indicator.last_seen threat.indicator.modified_at
    file.code_signature.timestamp process.code_signature.timestamp vulnerability.published_date
    tls.client.not_after tls.client.not_before tls.server.not_after tls.server.not_before
    file.x509.not_after file.x509.not_before x509.not_after x509.not_before
  `,
  double: `
    event.risk_score event.risk_score_norm host.cpu.usage process.cpu.pct container.cpu.usage container.memory.usage
    host.risk.calculated_score host.risk.calculated_score_norm host.risk.static_score host.risk.static_score_norm
    user.risk.calculated_score user.risk.calculated_score_norm user.risk.static_score user.risk.static_score_norm
    vulnerability.score.base vulnerability.score.environmental vulnerability.score.temporal
  `,
  ip: `
    dns.resolved_ip host.nat.ip network.forwarded_ip observer.ip related.ip threat.indicator.ip
    process.parent.entry_meta.source.ip
  `,
  long: `
    as.number event.duration event.severity file.size host.disk.read.bytes host.disk.write.bytes
    host.network.egress.bytes host.network.egress.packets host.network.ingress.bytes host.network.ingress.packets
    host.uptime http.request.body.bytes http.request.bytes http.response.body.bytes http.response.bytes
    http.response.status_code log.origin.file.line log.syslog.facility.code log.syslog.priority
    log.syslog.severity.code network.bytes network.packets package.size process.parent.exit_code
    process.parent.pgid process.parent.ppid process.parent.thread.id process.parent.uptime process.pgid process.ppid
    process.thread.id process.uptime process.tty.columns process.tty.rows process.io.total_bytes_captured
    process.io.total_bytes_skipped container.disk.read.bytes container.disk.write.bytes
    container.network.egress.bytes container.network.ingress.bytes url.port threat.indicator.port
    threat.indicator.file.size threat.indicator.scanner_stats threat.indicator.sightings dns.answers.ttl
    kibana.alert.risk_score kibana.alert.depth
  `,
  nested: `
    file.elf.sections file.elf.segments file.macho.sections file.pe.sections process.elf.sections process.elf.segments
    process.macho.sections process.pe.sections threat.enrichments
  `,
  text: `
    error.message
  `,
  wildcard: `
    error.stack_trace http.request.body.content http.response.body.content registry.data.strings url.full url.original
    url.path process.io.text
  `,
};

const BY_NAME = new Map<string, FieldType>();
for (const [type, names] of Object.entries(NAMES)) {
  for (const name of names.trim().split(/\s+/)) BY_NAME.set(name, type as FieldType);
}
for (const end of ENDPOINTS) {
  BY_NAME.set(`${end}.ip`, 'ip').set(`${end}.nat.ip`, 'ip');
  for (const name of ['port', 'nat.port', 'bytes', 'packets', 'as.number']) BY_NAME.set(`${end}.${name}`, 'long');
}

/** in: dotted name; out: its type where ECS gives it one other than keyword. */
export function ecsType(name: string): FieldType | undefined {
  return BY_NAME.get(name);
}
