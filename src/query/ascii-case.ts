// Case-insensitive as Elasticsearch is in EQL: of ASCII letters alone. The last answer for each slot is kept, so that an event's
// value is folded once, however many rules ask for it.

/** Other than printable ASCII. */
const OTHERS = /[^ -~]/;
const UPPER = /[A-Z]+/g;

/** A-Z become a-z; nothing else changes, nor does the length. */
export function foldAscii(text: string): string {
  const lower = text.toLowerCase();
  if (lower === text || !OTHERS.test(text)) return lower;
  return text.replace(UPPER, (letters) => letters.toLowerCase());
}

const texts: string[] = [];
const foldedTexts: string[] = [];

/** foldAscii(text) of the text in a slot. */
export function foldedOf(slot: number, text: string): string {
  if (texts[slot] === text) return foldedTexts[slot]!;
  texts[slot] = text;
  foldedTexts[slot] = foldAscii(text);
  return foldedTexts[slot];
}

const arrays: (readonly unknown[])[] = [];
const foldedArrays: (readonly string[])[] = [];

/** The texts among the elements of the array in a slot, which must not change, folded. */
export function foldedElements(slot: number, elements: readonly unknown[]): readonly string[] {
  if (arrays[slot] === elements) return foldedArrays[slot]!;
  arrays[slot] = elements;
  const folded: string[] = [];
  for (const element of elements) if (typeof element === 'string') folded.push(foldAscii(element));
  foldedArrays[slot] = folded;
  return folded;
}
