// The queue with a hasher of the test's: what is opened, in which order, what is answered when, what is refused.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HashAnswer, HashRequest } from '../../src/enrich/hash-answer.ts';
import { type FileHasher, HashQueue, type HashQueueOptions } from '../../src/enrich/hash-queue.ts';

const DONE: HashAnswer = { hashes: { sha256: 'a'.repeat(64) } };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function request(file: string, pid = 1): HashRequest {
  return { file, pid, path: '/x', inHost: true, executedMs: 0, member: () => undefined };
}

/** Files are answered when the test says so. */
function queueOf(options: Partial<HashQueueOptions> = {}, living: (pid: number) => boolean = () => true) {
  const said: string[] = [];
  const running = new Map<string, (answer: HashAnswer) => void>();
  const pinned = new Map<number, number>();
  const hasher: FileHasher = {
    pin: (pid) => {
      if (!living(pid)) return undefined;
      pinned.set(pid * 10, (pinned.get(pid * 10) ?? 0) + 1);
      return pid * 10;
    },
    unpin: (file) => void pinned.set(file, pinned.get(file)! - 1),
    hash: ({ file }, held) => {
      said.push(`hash ${file} ${held}`);
      return new Promise((resolve) => running.set(file, resolve));
    },
  };
  const onNews: HashQueueOptions['onNews'] = (news) => {
    said.push(news.kind === 'hash' ? `${news.file} ${news.reason ?? 'done'}` : `${news.file} late`);
  };
  const queue = new HashQueue({ hasher, onNews, ...options });
  const turn = () => vi.advanceTimersByTimeAsync(0);
  const finish = async (file: string, answer = DONE) => {
    running.get(file)!(answer);
    await turn();
  };
  const open = () => [...pinned.values()].reduce((sum, n) => sum + n, 0);
  return { queue, said, finish, turn, open };
}

describe('files', () => {
  it('are hashed one at a time in the order of the asking, each held from then on', async () => {
    const { queue, said, finish, turn, open } = queueOf();
    for (const [i, file] of ['a', 'b', 'c'].entries()) queue.want(request(file, i + 1));
    expect([open(), said, queue.open]).toEqual([3, [], 3]);
    await turn();
    expect(said).toEqual(['hash a 10']);
    await finish('a');
    await finish('b', { reason: 'changed' });
    await finish('c');
    expect(said).toEqual(['hash a 10', 'a done', 'hash b 20', 'b changed', 'hash c 30', 'c done']);
    expect([open(), queue.open]).toEqual([0, 0]);
  });

  it('are asked for once, whoever asks; the first living process is held', async () => {
    const { queue, said, finish, turn, open } = queueOf({}, (pid) => pid > 2);
    for (const pid of [1, 2, 3, 4]) queue.want(request('a', pid));
    expect(open()).toBe(1);
    await turn();
    queue.want(request('a', 5));
    await finish('a');
    queue.want(request('a', 6));
    await turn();
    expect(said).toEqual(['hash a 30', 'a done', 'hash a 60']);
  });

  it('are never answered while they are asked for', async () => {
    const { queue, said, turn } = queueOf({ maxFiles: 0 });
    queue.want(request('a'));
    expect(said).toEqual([]);
    await turn();
    expect(said).toEqual(['a busy']);
  });
});

describe('the bound', () => {
  it('refuses what is beyond, as busy, and holds nothing of it; there is room again once one is done', async () => {
    const { queue, said, finish, turn, open } = queueOf({ maxFiles: 2 });
    for (const file of ['a', 'b', 'c', 'd']) queue.want(request(file));
    expect(open()).toBe(2);
    await turn();
    expect(said).toEqual(['hash a 10', 'c busy', 'd busy']);
    queue.want(request('e'));
    queue.want(request('f'));
    await turn();
    expect(said.slice(3)).toEqual(['f busy']);
    await finish('a');
    queue.want(request('c'));
    await finish('b');
    await finish('e');
    await finish('c');
    expect(said.filter((word) => word.endsWith('done'))).toEqual(['a done', 'b done', 'e done', 'c done']);
    expect(open()).toBe(0);
  });

  it('a file system that does not answer costs all that wait, and no more than one thread', async () => {
    const { queue, said, finish, turn, open } = queueOf({ stallMs: 1000 });
    queue.want(request('a'));
    queue.want(request('b'));
    await vi.advanceTimersByTimeAsync(999);
    expect(said).toEqual(['hash a 10']);
    await vi.advanceTimersByTimeAsync(1);
    queue.want(request('c'));
    await turn();
    expect(said.slice(1)).toEqual(['a stalled', 'b stalled', 'c stalled']);
    // The thread comes back: its answer is nobody's any more.
    await finish('a');
    queue.want(request('a'));
    await turn();
    await finish('a');
    expect(said.slice(4)).toEqual(['hash a 10', 'a done']);
    expect([open(), queue.open]).toEqual([0, 0]);
  });
});

describe('late', () => {
  it('is told once for each file that rules wait for too long, its answer comes all the same', async () => {
    const { queue, said, finish } = queueOf({ waitMs: 100 });
    queue.want(request('a'));
    queue.want(request('b'));
    await vi.advanceTimersByTimeAsync(50);
    await finish('a');
    await vi.advanceTimersByTimeAsync(500);
    expect(said).toEqual(['hash a 10', 'a done', 'hash b 10', 'b late']);
    await finish('b');
    expect(said.at(-1)).toBe('b done');
  });

  it('is never told where no rule waits', async () => {
    const { queue, said } = queueOf();
    queue.want(request('a'));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(said).toEqual(['hash a 10']);
  });
});

describe('the end', () => {
  it('waits for what is asked for', async () => {
    const { queue, said, finish, turn } = queueOf();
    queue.want(request('a'));
    await turn();
    let settled = false;
    void queue.settle(1000).then(() => {
      settled = true;
    });
    await turn();
    expect(settled).toBe(false);
    await finish('a');
    expect([settled, said.at(-1)]).toEqual([true, 'a done']);
  });

  it('but only so long; the rest is answered with stopping, at once, and so is what comes then', async () => {
    const { queue, said, finish, turn, open } = queueOf();
    for (const file of ['a', 'b']) queue.want(request(file));
    await turn();
    const settled = queue.settle(1000);
    await vi.advanceTimersByTimeAsync(1000);
    await settled;
    queue.stop();
    expect(said).toEqual(['hash a 10', 'a stopping', 'b stopping']);
    queue.want(request('c'));
    await turn();
    await finish('a');
    queue.stop();
    expect(said.slice(3)).toEqual(['c stopping']);
    expect(open()).toBe(0);
  });

  it('is at once where nothing is asked for', async () => {
    const { queue } = queueOf();
    await queue.settle(1000);
    queue.stop();
  });
});
