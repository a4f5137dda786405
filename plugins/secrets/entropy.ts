/** Bits of a character, by how often each stands in the text. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const unit of text) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Words that stand for a secret where there is none. */
const placeholder =
  /example|sample|dummy|placeholder|changeme|change[_-]me|your[_-]|xxxx|\*\*\*|redacted|null|undefined|process\.env|os\.environ|getenv/i;

/**
 * Whether a text looks as if nobody had thought of it: letters and digits, or of both cases with other signs, and about
 * as many different ones as chance would make.
 */
export function isRandom(text: string): boolean {
  if (text.length < 10 || placeholder.test(text)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((kind) => kind.test(text)).length;
  if (!/[0-9]/.test(text) || kinds < 2) return false;
  // A name such as prod-eu-2 or a date has few digits, and they stand together.
  const changes = text.match(/[0-9](?=[a-zA-Z])|[a-zA-Z](?=[0-9])/g)?.length ?? 0;
  if (changes < 2 && !/^[0-9a-f]+$/i.test(text)) return false;
  return entropy(text) >= Math.min(3, Math.log2(text.length) * 0.8);
}
