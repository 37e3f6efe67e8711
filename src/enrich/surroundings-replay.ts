// The surroundings of a recording: answers the enricher's questions from recorded facts, and says which news come before
// which record. in: placed facts in recorded order; out: what the live run was told, at the same places.

import { ForebearError } from '../errors.ts';
import type { HashRequest } from './hash-answer.ts';
import type { EntryType } from './process-entry.ts';
import type { Answer, News, PlacedFact, ProcessReading, StartFact, Surroundings } from './surroundings.ts';

export class ReplaySurroundings implements Surroundings {
  readonly start: StartFact;
  readonly #news: { at: number; news: News }[] = [];
  #nextNews = 0;
  /** Answers to one question in the order in which it was asked. */
  readonly #answers = new Map<string, Answer[]>();
  /** Place of each death that a look at /proc found. */
  readonly #deaths = new Map<string, number>();
  /** Answers to come, by file that was hashed. */
  readonly #hashes = new Map<string, number>();
  #records = 0;
  /** Questions that the recording has no answer to: answered with "not known". 0 in a faithful replay. */
  unanswered = 0;

  /** errors: FB_ENRICH_START_MISSING when the facts do not begin with what the host was. */
  constructor(facts: Iterable<PlacedFact>) {
    let start: StartFact | undefined;
    for (const { at, fact } of facts) {
      if (fact.kind === 'start') start ??= fact;
      else if (fact.kind === 'alive') this.#bury(fact, at);
      else if (isAnswer(fact)) this.#keep(fact);
      else this.#expect(at, fact);
    }
    if (start === undefined) {
      throw new ForebearError('FB_ENRICH_START_MISSING', 'the recording does not say which host and boot it is from');
    }
    this.start = start;
  }

  /** The news that came when so many records had been enriched; each is given once. */
  *newsBefore(records: number): Generator<News> {
    this.#records = records;
    while (this.#nextNews < this.#news.length && this.#news[this.#nextNews]!.at <= records) {
      const { news } = this.#news[this.#nextNews++]!;
      if (news.kind === 'hash') this.#hashes.set(news.file, this.#hashes.get(news.file)! - 1);
      yield news;
    }
  }

  readProcess(pid: number, startNs: bigint): ProcessReading | undefined {
    const answer = this.#take(`process ${pid} ${startNs}`);
    return answer?.kind === 'process' ? (answer.reading ?? undefined) : undefined;
  }

  /** Recordings hold only the deaths, each at the place where it was found. */
  isAlive(pid: number, startNs: bigint): boolean {
    const at = this.#deaths.get(`${pid} ${startNs}`);
    return at === undefined || at > this.#records;
  }

  loginSession(id: string): EntryType | undefined {
    const answer = this.#take(`login_session ${id}`);
    return answer?.kind === 'login_session' ? (answer.type ?? undefined) : undefined;
  }

  wantName(): void {}

  tick(): void {}

  /** A file that the live run did not ask for is answered, too: nobody must wait for it. */
  wantHash({ file }: HashRequest): void {
    if ((this.#hashes.get(file) ?? 0) > 0) return;
    this.unanswered++;
    this.#hashes.set(file, 1);
    this.#news.splice(this.#nextNews, 0, { at: this.#records, news: { kind: 'hash', file, reason: 'unrecorded' } });
  }

  #expect(at: number, news: News): void {
    this.#news.push({ at, news });
    if (news.kind === 'hash') this.#hashes.set(news.file, (this.#hashes.get(news.file) ?? 0) + 1);
  }

  #bury({ pid, startNs, alive }: Answer & { kind: 'alive' }, at: number): void {
    const key = `${pid} ${startNs}`;
    if (!alive && !this.#deaths.has(key)) this.#deaths.set(key, at);
  }

  #keep(answer: Exclude<Answer, { kind: 'alive' }>): void {
    const key =
      answer.kind === 'login_session' ? `login_session ${answer.id}` : `process ${answer.pid} ${answer.startNs}`;
    const kept = this.#answers.get(key);
    if (kept === undefined) this.#answers.set(key, [answer]);
    else kept.push(answer);
  }

  #take(key: string): Answer | undefined {
    const answer = this.#answers.get(key)?.shift();
    if (answer === undefined) this.unanswered++;
    return answer;
  }
}

function isAnswer(fact: Answer | News): fact is Exclude<Answer, { kind: 'alive' }> {
  return fact.kind === 'process' || fact.kind === 'login_session';
}
