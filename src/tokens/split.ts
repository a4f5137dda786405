/**
 * The longest run, in UTF-16 units, that the tokenizer is given whole. Its time grows with the square of what it does not split
 * by itself (100,000 letters without a space: 5.5 s, of CJK 40 s); with runs of this length it stays near 0.5 s per MB.
 */
export const maxRun = 512;

/** Size of the slices that a long text is counted in, in UTF-16 units: about 4 ms of counting each. */
export const sliceLength = 16_384;
/** How far back from a slice's end a place is looked for where the tokenizer splits anyway. */
const lookBack = 1_024;

/** A part of a text. `clean` when it ends where the tokenizer splits anyway, so that counts add up exactly. */
export interface Slice {
  readonly text: string;
  readonly clean: boolean;
}

/** Both encodings end a piece between a letter and what is not a letter, mark or apostrophe, and never look behind. */
const pieceEnd = /\p{L}(?=[^\p{L}\p{M}'])/gu;

/** Cuts a text into slices, one at a time, so that whoever counts them can turn to something else between two. */
export function* slices(text: string): Generator<Slice, void, undefined> {
  let start = 0;
  while (text.length - start > sliceLength) {
    const end = start + sliceLength;
    const window = text.slice(end - lookBack, end);
    let clean = -1;
    for (const match of window.matchAll(pieceEnd)) clean = match.index + match[0].length;
    const cut = clean > 0 ? end - lookBack + clean : betweenCharacters(text, end);
    yield { text: text.slice(start, cut), clean: clean > 0 };
    start = cut;
  }
  if (start < text.length) yield { text: text.slice(start), clean: true };
}

const letter = 1;
const space = 2;
const other = 3;
const digit = 4;
/** Belongs to whatever run it stands in: marks, and halves of characters beyond the basic plane. */
const any = 0;

let kinds: Uint8Array | undefined;

/** What each UTF-16 unit is to the patterns by which both encodings split text. */
function unitKinds(): Uint8Array {
  if (kinds !== undefined) return kinds;
  kinds = new Uint8Array(0x10000).fill(other);
  for (let unit = 0; unit < kinds.length; unit += 1) {
    const character = String.fromCharCode(unit);
    if (/[\p{M}\p{Cs}]/u.test(character)) kinds[unit] = any;
    else if (/\p{L}/u.test(character)) kinds[unit] = letter;
    else if (/\p{N}/u.test(character)) kinds[unit] = digit;
    else if (/\p{White_Space}/u.test(character)) kinds[unit] = space;
  }
  return kinds;
}

/** Cuts runs that the tokenizer would take quadratic time for; text without such a run stays whole. */
export function splitRuns(text: string): readonly string[] {
  if (text.length <= maxRun) return [text];
  const kind = unitKinds();
  const parts: string[] = [];
  let start = 0;
  let run = 0;
  let runKind = any;
  for (let i = 0; i < text.length; i += 1) {
    const here = kind[text.charCodeAt(i)]!;
    // Digits are split after three by the tokenizer itself.
    if (here === digit) run = 0;
    else if (here === any || runKind === any || here === runKind) run += 1;
    else run = 1;
    if (here !== any) runKind = here;
    if (run > maxRun) {
      const cut = betweenCharacters(text, i);
      parts.push(text.slice(start, cut));
      start = cut;
      run = 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** `at`, or one further when that would cut a character in two. */
function betweenCharacters(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return unit >= 0xdc00 && unit <= 0xdfff && before >= 0xd800 && before <= 0xdbff ? at + 1 : at;
}
