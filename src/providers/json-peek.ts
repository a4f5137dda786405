const colon = 58;

/**
 * Whether a JSON text has, anywhere, this key with a value that begins with this character.
 *
 * The quoted key cannot occur inside a string, where its quotes would be escaped, so that nothing needs parsing.
 *
 * @param key the key in its quotes
 * @param first code of the value's first character
 */
export function hasValue(text: string, key: string, first: number): boolean {
  for (let at = text.indexOf(key); at !== -1; at = text.indexOf(key, at + key.length)) {
    if (text.charCodeAt(valueAt(text, at + key.length)) === first) return true;
  }
  return false;
}

/** Where the value begins that follows a key's closing quote; -1 when the quoted text is no key. */
export function valueAt(text: string, keyEnd: number): number {
  const at = skipSpace(text, keyEnd);
  return text.charCodeAt(at) === colon ? skipSpace(text, at + 1) : -1;
}

/** The first position from here that is no white space. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  return at;
}
