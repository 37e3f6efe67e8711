import { describe, expect, it } from 'vitest';
import { agentLine, hubLine, shipLine } from '../../src/commands/service-text.ts';
import { snapshot } from './sample-status.ts';

describe('the line that systemctl status shows', () => {
  it('of the agent: what runs, and whatever is wrong', () => {
    const status = snapshot();
    expect(agentLine(undefined)).toBe('starting');
    const line = agentLine(status, 'RELOAD REFUSED, all is as before: x');
    expect(line).toContain(`${status.rules.running} rule`);
    expect(line).toContain(`journal at ${status.journal.durableSeq}`);
    expect(line).toMatch(/, RELOAD REFUSED, all is as before: x$/);
    expect(agentLine({ ...status, canary: { blindSinceMs: 1 } })).toContain('BLIND');
    expect(agentLine({ ...status, canary: { seenMs: 1 } })).not.toContain('BLIND');
    expect(agentLine({ ...status, canary: { fault: 'spawn EAGAIN' } })).toContain('the canary cannot be run');
    const counters = { ...status.sensor.counters, lost: { exec: 2, fork: 1 }, recursionMisses: 4, undecodable: 0 };
    expect(agentLine({ ...status, sensor: { ...status.sensor, counters } })).toContain('7 records lost');
  });

  it('of the shipper: each output with what it is at', () => {
    const output = { name: 'x', state: 'hold', lagRecords: 4 };
    const status = { outputs: [output, { ...output, name: 'y', state: 'idle', lagRecords: 0 }] } as never;
    expect(shipLine(status)).toBe('x: hold, 4 behind; y: idle');
    expect(shipLine(status, 'REFUSED')).toBe('x: hold, 4 behind; y: idle; REFUSED');
    expect(shipLine(undefined)).toBe('starting');
  });

  it('of the hub', () => {
    expect([hubLine(0), hubLine(1)]).toEqual(['0 records stored since start', '1 record stored since start']);
  });
});
