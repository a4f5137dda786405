/** Letters that are drawn like a Latin one or a digit, and what they are taken for. */
const drawnLike: Readonly<Record<string, string>> = {
  ...{ "0": "o", "1": "l", i: "l", "|": "l" },
  // Cyrillic
  ...{ а: "a", е: "e", о: "o", р: "p", с: "c", у: "y", х: "x", ѕ: "s", і: "l", ј: "j", һ: "h", ԁ: "d" },
  // Greek
  ...{ α: "a", ο: "o", ρ: "p", ν: "v", ι: "l", κ: "k" },
};

/** The same text for names that a reader cannot tell apart. */
export function looksOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}|\p{Cf}/gu, "")
    .toLowerCase();
  return plain.replace(/./gsu, (letter) => drawnLike[letter] ?? letter);
}
