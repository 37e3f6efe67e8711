// Reads a page as Prometheus does, by its own words: a second opinion on prometheus.ts. Throws at the first line that is none.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Scrape {
  types: Map<string, string>;
  helps: Map<string, string>;
  samples: Sample[];
}

const NAME = '[a-z_][a-z0-9_]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = new RegExp(`(${NAME})="((?:[^"\\\\]|\\\\[\\\\"n])*)"(?:,|$)`, 'y');

export function scrape(text: string): Scrape {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const found: Scrape = { types: new Map(), helps: new Map(), samples: [] };
  for (const line of text.slice(0, -1).split('\n')) {
    const [, about, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (about === undefined) found.samples.push(sampleOf(line));
    else once(about === 'HELP' ? found.helps : found.types, name!, rest!);
  }
  return found;
}

function once(map: Map<string, string>, name: string, value: string): void {
  if (map.has(name)) throw new Error(`${name} is told twice`);
  map.set(name, value);
}

function sampleOf(line: string): Sample {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !Number.isFinite(Number(value))) throw new Error(`no sample: ${line}`);
  return { name, labels: labelsOf(labels), value: Number(value) };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < text.length; at = LABEL.lastIndex) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined) throw new Error(`no labels: ${text.slice(at)}`);
    labels[name] = value!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
  return labels;
}

/** The one sample of that name with at least these labels. */
export function figure({ samples }: Scrape, name: string, labels: Record<string, string> = {}): number | undefined {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
  return found[0]?.value;
}
