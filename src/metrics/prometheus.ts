// Families and their samples -> the text that Prometheus scrapes: the text format 0.0.4 of
// prometheus.io/docs/instrumenting/exposition_formats. Figures come as they stand at a scrape; nothing is kept between two.
// Pure; filled by the other files of this folder.

export interface Family {
  readonly name: string;
  /** A counter's name ends in _total. */
  readonly type: 'counter' | 'gauge';
  /** One line. */
  readonly help: string;
  readonly labels?: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export class Page {
  readonly #families = new Map<string, { family: Family; samples: Map<string, number> }>();

  /** What is no finite number is left out; the same labels again replace the value, as a scrape may have them once only. */
  add(family: Family, value: number | undefined, labels: Labels = {}): void {
    if (value === undefined || !Number.isFinite(value)) return;
    let found = this.#families.get(family.name);
    if (found === undefined) {
      found = { family, samples: new Map() };
      this.#families.set(family.name, found);
    }
    found.samples.set(labelText(labels), value);
  }

  /** Families in the order in which they came. */
  text(): string {
    let text = '';
    for (const { family, samples } of this.#families.values()) {
      const { name, type, help } = family;
      text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
      for (const [labels, value] of samples) text += `${name}${labels} ${value}\n`;
    }
    return text;
  }
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** Prometheus refuses the whole text for one value that is not UTF-8; lone surrogates (ARCHITECTURE.md) would be that. */
function escaped(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
