// Order of texts by code point, which is the order of their UTF-8 bytes and so Lucene's. JavaScript's `<` compares
// UTF-16 units and puts U+1F427 before U+FFEE.

/** Negative, 0 or positive, as a sorts before, with or after b. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others of 16 bits. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
