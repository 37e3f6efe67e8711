// JSON text -> document, whole numbers beyond 2^53 kept exact: as JSON.rawJSON, which JSON.stringify prints digit by
// digit. Called for every line of NDJSON; flatten.ts turns such a number into a bigint.

/** What JSON.rawJSON makes (ES2026, Node 22 and newer). */
export interface RawNumber {
  readonly rawJSON: string;
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): boolean;
}

const Exact = JSON as unknown as ExactJson;

/** in: JSON text; out: the value; errors: SyntaxError. Big whole numbers are exact but in documents nested so deep that it takes the stack. */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  try {
    return Exact.parse(text, exactInteger);
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text);
    throw error;
  }
}

function exactInteger(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value;
  return /^-?\d{16,20}$/.test(source) ? Exact.rawJSON(source) : value;
}

export function isRawNumber(value: unknown): value is RawNumber {
  return Exact.isRawJSON(value);
}
