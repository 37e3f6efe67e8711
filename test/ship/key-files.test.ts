// Files of keys: what is none is said in words, and never waited for.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSecret, stampOf } from '../../src/ship/key-files-io.ts';
import { tlsOptions } from '../../src/ship/tls-options-io.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forebear-keys-'));
  writeFileSync(join(base, 'good'), 'secret\n');
  writeFileSync(join(base, 'empty'), '');
  writeFileSync(join(base, 'two'), 'one\ntwo');
  writeFileSync(join(base, 'large'), Buffer.alloc((1 << 20) + 1, 'x'));
  execFileSync('mkfifo', [join(base, 'fifo')]);
  symlinkSync('good', join(base, 'link'));
});
afterEach(() => rmSync(base, { recursive: true }));

it.each(['absent', 'empty', 'two', 'large', 'fifo', '.', '/dev/zero', '/dev/null'])('refuses %s', (name) => {
  const path = name.startsWith('/') ? name : join(base, name);
  expect(() => readSecret(path)).toThrow(expect.objectContaining({ code: 'FB_SHIP_KEY' }));
  expect(stampOf([path, null])).not.toBe('');
});

it.each(['good', 'link'])('reads %s', (name) => {
  expect(readSecret(join(base, name))).toBe('secret');
});

it('names the file that is not PEM', () => {
  const none = { ca_file: null, cert_file: null, key_file: null, server_name: null, fingerprint: null };
  for (const name of ['ca_file', 'cert_file', 'key_file']) {
    const path = join(base, 'good');
    const fault = { code: 'FB_SHIP_KEY', message: expect.stringContaining(path) };
    expect(() => tlsOptions({ ...none, [name]: path })).toThrow(expect.objectContaining(fault));
  }
});
