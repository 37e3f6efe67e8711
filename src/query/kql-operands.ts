// A literal of a query as a value of a field's type, as Elasticsearch reads it: whole and broken numbers, booleans.
// Undefined: it cannot be of that type. Dates: date-math.ts; addresses: ecs/ip.ts. Called by kql-predicates.ts and the
// reference interpreter.

/** A whole-number field is compared with this: `floor`, and whether the literal is exactly that. */
export interface LongOperand {
  readonly floor: bigint;
  readonly whole: boolean;
}

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const JAVA_DOUBLE = /^([+-]?)(?:(NaN)|(Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?)$/;
/** Longer literals are no numbers: the patterns above take time that grows with the square of the length. */
const MAX_DIGITS = 1000;
const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

/** in: text such as 42, 042, 4.2e1, 42.7; out: operand, 'beyond' what 64 bits hold (NaN and infinity too). */
export function longOperand(text: string): LongOperand | 'beyond' | undefined {
  if (text.length > MAX_DIGITS) return undefined;
  if (/^[+-]?(NaN|Infinity)$/.test(text)) return 'beyond';
  const match = DECIMAL.exec(text);
  if (match === null || `${match[2]}${match[3]}` === '') return undefined;
  const [, sign, before = '', after = '', exponent] = match;
  const digits = before + after;
  const scale = Number(exponent ?? 0) - after.length;
  if (/^0*$/.test(digits)) return { floor: 0n, whole: true };
  if (digits.replace(/^0+/, '').length + scale > 20) return 'beyond';
  const operand = floorOf(sign === '-', digits, scale);
  return operand.floor > LONG_MAX || operand.floor < LONG_MIN ? 'beyond' : operand;
}

/** floor(±digits * 10^scale) */
function floorOf(negative: boolean, digits: string, scale: number): LongOperand {
  if (scale >= 0) {
    const value = BigInt(digits) * 10n ** BigInt(scale);
    return { floor: negative ? -value : value, whole: true };
  }
  const cut = Math.max(0, digits.length + scale);
  const whole = /^0*$/.test(digits.slice(cut));
  const value = BigInt(digits.slice(0, cut) || '0');
  return { floor: negative ? -value - (whole ? 0n : 1n) : value, whole };
}

/** in: text as Java's Double.parseDouble takes it, hexadecimal apart; out: the number, NaN and infinities included. */
export function doubleOperand(text: string): number | undefined {
  if (text.length > MAX_DIGITS) return undefined;
  // Java's trim() takes all controls away.
  const match = JAVA_DOUBLE.exec(text.replace(/^[\0- ]+|[\0- ]+$/g, ''));
  if (match === null) return undefined;
  const [, sign, nan, infinity, digits] = match;
  if (nan !== undefined) return Number.NaN;
  const size = infinity === undefined ? Number(digits) : Number.POSITIVE_INFINITY;
  return sign === '-' ? -size : size;
}

export function booleanOperand(text: string): boolean | undefined {
  if (text === 'true') return true;
  return text === 'false' ? false : undefined;
}

/** The form that slots have: number while exact, bigint beyond. */
export function slotInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
