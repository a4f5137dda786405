/** Characters that nobody sees: what is written with them is read by models alone. */
const invisible = /\p{Cf}|\p{Variation_Selector}|[\u115f\u1160]|\u034f/gu;
/** So many of them in a row that they are a message of their own. */
const message = /(?:\p{Cf}|\p{Variation_Selector}|[\u115f\u1160]|\u034f){8}/u;
/** Copies of ASCII that are not shown at all. */
const tags = /[\u{e0020}-\u{e007e}]/gu;
/** Letters of other scripts that look like Latin ones. */
const lookalikes: Readonly<Record<string, string>> = {
  ...{ а: "a", с: "c", е: "e", о: "o", р: "p", х: "x", у: "y", і: "i", ѕ: "s", ј: "j", ԁ: "d", һ: "h", ո: "n" },
  ...{ α: "a", ο: "o", ρ: "p", ν: "v", ι: "i", κ: "k", τ: "t", "’": "'", "‘": "'" },
};
const lookalike = new RegExp(`[${Object.keys(lookalikes).join("")}]`, "g");

/** A text as attacks are looked for in it, and whether something in it was hidden. */
export interface Normalised {
  readonly text: string;
  readonly hidden: boolean;
}

/**
 * A text in lower case, with single spaces, without characters that nobody sees, and with Latin letters where others look
 * like them. Linear.
 */
export function normalise(text: string): Normalised {
  let shown = text;
  let hidden = false;
  // Most texts are ASCII, for which there is nothing to do.
  if (/[^\n\r\t -~]/.test(text)) {
    const told = shown.replace(tags, (tag) => String.fromCharCode(tag.codePointAt(0)! - 0xe0000));
    hidden = told !== shown || message.test(told);
    const plain = told.replace(invisible, "").normalize("NFKC").toLowerCase();
    shown = plain.replace(lookalike, (letter) => lookalikes[letter]!);
  }
  const spaced = shown.toLowerCase().replace(/[^\S\n]+/g, " ");
  return { text: spaced.replace(/ ?\n\s*/g, "\n"), hidden };
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** A text with what may be JSON's escapes resolved, whether or not it is JSON, as results of tools are. Linear. */
export function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g, (_, code?: string, letter = "") =>
    code === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
