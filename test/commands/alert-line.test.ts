import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAlertLine, lineageText } from '../../src/commands/alert-line.ts';
import { labelOf, runOf } from '../../src/commands/lineage.ts';
import { columns } from '../../src/commands/terminal.ts';
import type { Gap } from '../../src/ecs/event.ts';
import { LINEAGE, PROCESS, sampleAlert } from './sample-alert.ts';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'Asia/Shanghai';
});
afterAll(() => {
  process.env.TZ = zone;
});

const HEAD = '2026-11-24 18:00:03  medium    Systemd Service Started by Unusual Parent Process  alice@web-1';
const TAIL = 'sshd > bash > ./payload > systemctl enable x';

describe('the line', () => {
  it('is one line without a terminal: local time, severity, rule, who, lineage', () => {
    expect(formatAlertLine(sampleAlert(), { color: false })).toBe(`${HEAD}  ${TAIL}`);
  });

  it('takes a second line on a narrow terminal', () => {
    expect(formatAlertLine(sampleAlert(), { color: false, width: 100 })).toBe(`${HEAD}\n    ${TAIL}`);
  });

  it.each([20, 40, 60, 80, 92, 93, 120])('never takes more than the %i columns there are', (width) => {
    const gaps: Gap[] = [{ kind: 'truncated', detail: 'process.args', count: 1 }];
    for (const line of formatAlertLine(sampleAlert({ gaps }), { color: false, width }).split('\n')) {
      expect(columns(line)).toBeLessThanOrEqual(width);
    }
  });

  it('cuts the lineage, not the marks', () => {
    const gaps: Gap[] = [{ kind: 'truncated', detail: 'process.args', count: 1 }];
    const lines = formatAlertLine(sampleAlert({ gaps }), { color: false, width: 60 }).split('\n');
    expect(lines[0]).toBe('2026-11-24 18:00:03  medium    Systemd Service…  alice@web-1');
    expect(lines[1]).toBe('    sshd > bash > ./payload > systemctl…  ! process.args cut');
  });

  it('colours by severity', () => {
    const line = formatAlertLine(sampleAlert({ severity: 'critical' }), { color: true });
    expect(line).toContain('\u001b[1m\u001b[31mcritical\u001b[39m\u001b[22m');
  });

  it.each<[Gap['kind'], string, number, string]>([
    ['lost_records', 'exec', 1, '! 1 record lost'],
    ['lost_records', 'exec', 3, '! 3 records lost'],
    ['truncated', 'process.args', 1, '! process.args cut'],
    ['unreadable', 'process.working_directory', 1, '! process.working_directory unreadable'],
    ['unknown_parent', '', 1, '! parent unknown'],
    ['unknown_session', '', 1, '! session unknown'],
    ['capped_alerts', '', 12, '! 12 more alerts not kept'],
    ['document_cut', '', 1, '! document cut'],
  ])('marks the gap %s', (kind, detail, count, mark) => {
    const line = formatAlertLine(sampleAlert({ gaps: [{ kind, detail, count }] }), { color: false });
    expect(line.endsWith(`${TAIL}  ${mark}`)).toBe(true);
  });

  it('escapes hostile text wherever it comes from', () => {
    const evil = '\u001b]52;c;AAAA\u0007\u202e\n\udcff';
    const lineage = LINEAGE.map((entry) => ({ ...entry, name: evil, executable: `/tmp/${evil}`, command_line: evil }));
    const alert = sampleAlert({
      ruleName: evil,
      hostName: evil,
      gaps: [{ kind: 'truncated', detail: evil, count: 1 }],
      document: { process: { ...PROCESS, user: { name: evil } }, forebear: { lineage } },
    });
    expect(formatAlertLine(alert, { color: false })).toMatch(/^[\x20-\x7e]+$/);
  });

  it.each([
    {},
    { process: null },
    { process: { user: { name: 5 }, args: 'x' } },
    { forebear: { lineage: 'no' } },
    { forebear: { lineage: [1, null, [], {}] } },
  ])('survives the document %j', (document) => {
    expect(formatAlertLine(sampleAlert({ document }), { color: false })).toContain('medium');
  });
});

describe('the lineage', () => {
  it('falls back on parent and process', () => {
    expect(lineageText({ process: PROCESS })).toBe('./payload > systemctl enable x');
  });

  it('shows pid 1 when nothing else stands above the process', () => {
    expect(lineageText({ forebear: { lineage: [LINEAGE[0], LINEAGE[5]] } })).toBe('systemd > systemctl enable x');
  });

  it('begins with what let the session in, where the entry leader is known', () => {
    const chain = ['systemd', 'screen', 'sshd', 'bash', 'vim', 'sh'].map((name, i) => ({
      pid: i + 1,
      name,
      entity_id: `e${i}`,
    }));
    const document = { forebear: { lineage: chain }, process: { entry_leader: { entity_id: 'e3' } } };
    expect(lineageText(document)).toBe('sshd > bash > vim > sh');
    expect(lineageText({ ...document, process: { entry_leader: { entity_id: 'other' } } })).toBe(
      'screen > sshd > bash > vim > sh',
    );
  });

  it('cuts a long chain in its middle', () => {
    const chain = Array.from({ length: 30 }, (_, i) => ({ pid: i + 2, name: `p${i}` }));
    const shown = lineageText({ forebear: { lineage: chain } });
    expect(shown).toBe('p0 > p1 > … > p24 > p25 > p26 > p27 > p28 > p29');
  });

  it.each([
    ['/usr/bin/bash', 'bash', '-bash', 'bash'],
    ['/usr/sbin/sshd', 'sshd', 'sshd: alice', 'sshd'],
    ['/home/a/payload', 'payload', './payload x', './payload'],
    ['/home/a/payload', 'payload', 'payload', '/home/a/payload'],
    ['/tmp/evil', 'evil', '/usr/bin/bash', '/tmp/evil'],
    ['/tmp/evil', 'evil', '../bash', '/tmp/evil'],
    ['/tmp/sshd', 'sshd', '/usr/sbin/sshd -D', '/tmp/sshd'],
    ['/home/a/bin/tool', 'tool', 'bin/tool', 'bin/tool'],
    ['/home/a/bin/tool', 'tool', 'sbin/tool', '/home/a/bin/tool'],
    ['/usr/bin/bash', 'bash', './sshd', 'bash'],
    [undefined, 'gone', undefined, 'gone'],
    [undefined, undefined, './x', '?'],
  ])('%s called %s with argv0 %s is shown as %s', (executable, name, commandLine, label) => {
    expect(labelOf({ executable, name, commandLine })).toBe(label);
  });

  it.each([
    ['/usr/bin/systemctl', 'systemctl enable x', 'systemctl enable x'],
    ['/usr/bin/bash', '/bin/bash ./install.sh', '/bin/bash ./install.sh'],
    ['/usr/bin/bash', '-bash', '-bash'],
    ['/tmp/evil', 'systemctl status', '/tmp/evil (systemctl status)'],
    ['/tmp/evil', '', '/tmp/evil ()'],
    ['/tmp/systemctl', 'systemctl status', '/tmp/systemctl (systemctl status)'],
    ['/tmp/systemctl', '/usr/bin/systemctl status', '/tmp/systemctl (/usr/bin/systemctl status)'],
    ['/tmp/systemctl', './systemctl status', './systemctl status'],
    ['/usr/bin/systemctl', '/tmp/systemctl status', 'systemctl (/tmp/systemctl status)'],
    ['/usr/bin/busybox', 'ls -l', 'busybox (ls -l)'],
    [undefined, 'ls', 'ls'],
    ['/tmp/evil', undefined, '/tmp/evil'],
  ])('%s run as %j is shown as %s', (executable, commandLine, shown) => {
    expect(runOf({ executable, commandLine })).toBe(shown);
  });
});
