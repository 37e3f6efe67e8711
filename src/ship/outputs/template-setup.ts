// Installs the templates of templates.ts where they are missing or not as they should be, and tells what became of each. In: an
// output's index names and its transport; out: a report. Called by the output's setUp, which `forebear ship --setup` asks.

import type { HttpReply, HttpTransport } from '../transport.ts';
import { engineError, isJson, jsonOf } from './bulk-answer.ts';
import { oneLine } from './bulk-reason.ts';
import type { IndexNames } from './bulk-request.ts';
import { askProduct, type Product } from './elasticsearch-product.ts';
import { type Template, templates } from './templates.ts';

export interface SetupStep {
  what: Template['what'] | 'engine' | 'index';
  name: string;
  outcome: 'created' | 'updated' | 'unchanged' | 'refused';
  /** For a person, one line: why it was refused, or what is to be done now. */
  detail?: string;
}

export interface SetupReport {
  /** Absent where it could not be found out: nothing was done then. */
  product?: Product;
  /** Nothing was refused. */
  ok: boolean;
  steps: readonly SetupStep[];
}

/** Idempotent. Stops at the first template that is refused: those after it are made of it. */
export async function setUp(names: IndexNames, transport: HttpTransport, signal: AbortSignal): Promise<SetupReport> {
  const product = await askProduct(transport, signal);
  if (typeof product === 'string') {
    return { ok: false, steps: [{ what: 'engine', name: '', outcome: 'refused', detail: product }] };
  }
  const steps = await new Installer(names, product, transport, signal).run();
  return { product, ok: steps.every(({ outcome }) => outcome !== 'refused'), steps };
}

class Installer {
  readonly #names: IndexNames;
  readonly #product: Product;
  readonly #transport: HttpTransport;
  readonly #signal: AbortSignal;
  /** Types that the engine said it does not have. */
  readonly #lacking = new Set<string>();

  constructor(names: IndexNames, product: Product, transport: HttpTransport, signal: AbortSignal) {
    this.#names = names;
    this.#product = product;
    this.#transport = transport;
    this.#signal = signal;
  }

  async run(): Promise<SetupStep[]> {
    const steps: SetupStep[] = [];
    for (const [i, { what, name }] of this.#templates().entries()) {
      const step = { what, name, ...(await this.#install(i)) };
      steps.push(step);
      if (step.outcome === 'refused') return steps;
    }
    const changed = steps.some(({ outcome }) => outcome === 'updated');
    for (const index of [this.#names.index, this.#names.agent_index]) {
      if (!index.includes('{')) steps.push(...(await this.#existing(index, changed)));
    }
    return steps;
  }

  #templates(): Template[] {
    return templates(this.#names, this.#product, this.#lacking);
  }

  async #install(i: number): Promise<Pick<SetupStep, 'outcome' | 'detail'>> {
    const there = await this.#hashThere(this.#templates()[i]!);
    if (there.is === 'unknown') return { outcome: 'refused', detail: there.reason };
    for (;;) {
      const template = this.#templates()[i]!;
      const { path, body, hash } = template;
      if (there.is === 'found' && (hash === undefined || hash === there.hash)) return { outcome: 'unchanged' };
      const reply = await this.#ask('PUT', path, body);
      const outcome = there.is === 'found' ? 'updated' : 'created';
      if (accepted(reply)) return { outcome, ...this.#stoodIn(i, template) };
      const lacks = typeLacking(reply);
      // A type that is not in the template cannot be left out of it: this loop ends.
      if (lacks === undefined || !uses(template, lacks)) return { outcome: 'refused', detail: reasonOf(reply) };
      this.#lacking.add(lacks);
    }
  }

  /** Whether the template is another for the types that are lacking. */
  #stoodIn(i: number, { hash }: Template): Pick<SetupStep, 'detail'> {
    const whole = templates(this.#names, this.#product)[i]!;
    if (whole.hash === hash) return {};
    return { detail: `without the types that this engine does not have: ${[...this.#lacking].join(', ')}` };
  }

  async #hashThere({ path }: Template): Promise<{ is: 'found'; hash: unknown } | Absent> {
    const reply = await this.#ask('GET', path);
    if (reply.is === 'answer' && reply.status === 404) return { is: 'absent' };
    const body = reply.is === 'answer' && reply.status === 200 ? jsonOf(reply) : undefined;
    const [entry] = [body?.component_templates ?? body?.index_templates].flat();
    if (!isJson(entry)) return { is: 'unknown', reason: reasonOf(reply) };
    const content = entry.component_template ?? entry.index_template;
    const meta = isJson(content) && isJson(content._meta) ? content._meta : {};
    return { is: 'found', hash: meta.hash };
  }

  /** What was there before its template: a plain index, which a template cannot change, or a data stream. */
  async #existing(name: string, changed: boolean): Promise<SetupStep[]> {
    const reply = await this.#ask('GET', `/${encodeURIComponent(name)}/_settings?filter_path=*.settings.index.uuid`);
    const body = reply.is === 'answer' && reply.status === 200 ? jsonOf(reply) : undefined;
    if (body === undefined) return [];
    if (Object.hasOwn(body, name)) {
      const detail =
        'a plain index, made without its template: reindex or delete it, the next document makes a data stream';
      return [{ what: 'index', name, outcome: 'refused', detail }];
    }
    const detail = `takes the new mappings at its next rollover: POST /${name}/_rollover`;
    return changed ? [{ what: 'index', name, outcome: 'unchanged', detail }] : [];
  }

  #ask(method: 'GET' | 'PUT', path: string, body?: object): Promise<HttpReply> {
    const sent = body && { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) };
    return this.#transport.request({ method, path, ...sent }, this.#signal);
  }
}

type Absent = { is: 'absent' } | { is: 'unknown'; reason: string };

function accepted(reply: HttpReply): boolean {
  return reply.is === 'answer' && reply.status === 200 && jsonOf(reply)?.acknowledged === true;
}

/** OpenSearch, Elasticsearch: how they refuse a mapping of a type that they do not know. */
const NO_TYPE = /No handler for type \[(\w{1,64})\]|mapper type \[(\w{1,64})\][^"]{0,400} does not exist/;

function typeLacking(reply: HttpReply): string | undefined {
  if (reply.is === 'broken' || reply.status !== 400) return undefined;
  const found = NO_TYPE.exec(reply.body.toString());
  return found?.[1] ?? found?.[2];
}

function uses({ body }: Template, type: string): boolean {
  return JSON.stringify(body).includes(`"type":"${type}"`);
}

function reasonOf(reply: HttpReply): string {
  if (reply.is === 'broken') return oneLine(`${reply.code}: ${reply.reason}`);
  const error = engineError(jsonOf(reply));
  return oneLine(error === undefined ? `HTTP ${reply.status}` : `HTTP ${reply.status} ${error.type}: ${error.reason}`);
}
