// Bytes <-> text without loss, as Python's surrogateescape (PEP 383): a byte 0xNN that is not part of valid UTF-8
// becomes the lone surrogate U+DCNN. Equal strings are equal bytes, so rules and new terms compare what the kernel saw.
// Only output replaces lone surrogates (U+FFFD) and adds the raw bytes beside them (ecs/document.ts).

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** in: bytes from the kernel or /proc; out: text, lone surrogates for bytes that are not UTF-8. Never throws. */
export function decodeText(bytes: Uint8Array): string {
  return decodeRange(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
}

/**
 * decodeText of a part of the bytes. What is not UTF-8 becomes U+FFFD at first, as does U+FFFD itself: only then the slow
 * decoder looks, which tells them apart.
 */
export function decodeRange(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\ufffd') ? decodeStrictly(bytes.subarray(start, end)) : text;
}

function decodeStrictly(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

/** The inverse of decodeText. in: text; out: the very bytes it came from. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  for (const piece of text.split(/([\udc80-\udcff])/u)) {
    const code = piece.length === 1 ? piece.charCodeAt(0) : 0;
    const escaped = code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Uint8Array.of(code & 0xff) : Buffer.from(piece, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** One pass into UTF-16 units (never more than bytes): hostile text must not cost more than its length. */
function decodeEscaped(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const size = validLength(bytes, at);
    const code = size > 0 ? codePoint(bytes, at, size) : 0xdc00 | bytes[at]!;
    at += Math.max(size, 1);
    if (code > 0xffff) units[count++] = 0xd7c0 + (code >> 10);
    units[count++] = code > 0xffff ? 0xdc00 | (code & 0x3ff) : code;
  }
  return Buffer.from(units.buffer, 0, count * 2).toString('utf16le');
}

function codePoint(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return bytes[at]!;
  let code = bytes[at]! & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) code = (code << 6) | (bytes[at + i]! & 0x3f);
  return code;
}

/** Length of the valid UTF-8 sequence at `at` (RFC 3629, table 3-7 of Unicode), 0 when there is none. */
function validLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const size =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (size === 0 || second < low || second > high) return 0;
  for (let i = 2; i < size; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return size;
}

/** Controls (C0, DEL, C1), format characters (bidi, zero width, tags, BOM), separators, lone surrogates, ignorables. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text that a terminal shows as it is: whatever could move the cursor, reorder, hide or run becomes a visible escape
 * (`\x1b`, `\u{202e}`; a byte that was not UTF-8: `\xff`). Not reversible: a backslash stays one. Exact text is in --json.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => SHORT[char] ?? escapeCode(char.codePointAt(0)!));
}

function escapeCode(code: number): string {
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code & 0xff).toString(16)}`;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

/** The same JSON value with the same characters written as \uXXXX. in: JSON text; out: JSON text of one line. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (char) => {
    const units = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16).padStart(4, '0'));
    return units.map((unit) => `\\u${unit}`).join('');
  });
}
