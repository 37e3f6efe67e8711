// Bytes <-> text without loss, as Python's surrogateescape (PEP 383): a byte 0xNN that is not part of valid UTF-8
// becomes the lone surrogate U+DCNN. Equal strings are equal bytes, so rules and new terms compare what the kernel saw.
// Only output replaces lone surrogates (U+FFFD) and adds the raw bytes beside them (ecs/document.ts).

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** in: bytes from the kernel or /proc; out: text, lone surrogates for bytes that are not UTF-8. Never throws. */
export function decodeText(bytes: Uint8Array): string {
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
  for (const piece of text.split(/([\udc80-\udcff])/)) {
    const code = piece.length === 1 ? piece.charCodeAt(0) : 0;
    const escaped = code >= 0xdc80 && code <= 0xdcff;
    parts.push(escaped ? Uint8Array.of(code & 0xff) : Buffer.from(piece, 'utf8'));
  }
  return Buffer.concat(parts);
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const size = validLength(bytes, at);
    text += size > 0 ? strict.decode(bytes.subarray(at, at + size)) : String.fromCharCode(0xdc00 | bytes[at]!);
    at += Math.max(size, 1);
  }
  return text;
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
