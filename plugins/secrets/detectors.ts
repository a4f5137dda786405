import { patternScanner, type ScanPattern, type TextScanner, unionScanner } from "../../src/sdk/index.ts";
import { isRandom } from "./entropy.ts";
import { vendorKeys } from "./vendors.ts";

/** An expression for one kind of secret. */
export interface SecretPattern extends Omit<ScanPattern, "replacement"> {
  readonly type: string;
}

/** Longest secret that is found whole: a private key of 8,192 bits in PEM is shorter. */
const longestSecret = 8_192;

/**
 * Longest find by the words before it. Not the same: each place where such a word stands in a long run may be looked at
 * anew, so this times the text's length is what the worst text costs.
 */
const longestByContext = 512;

const pemHead = "-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----";
const pemTail = "-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----";

/** Keys in PEM, over as many lines as they have: to their end, or as far as they go on where it is missing. */
const privateKeys: readonly SecretPattern[] = [
  {
    type: "private_key",
    pattern: `${pemHead}(?:(?:[A-Za-z0-9+/=\\s\\\\:,.()]|-[A-Za-z0-9])*?${pemTail}|[A-Za-z0-9+/=\\s\\\\]*)`,
  },
  {
    type: "private_key",
    pattern:
      "PuTTY-User-Key-File-[23]: [A-Za-z0-9+/=\\s:@._-]*?Private-Lines: [0-9]+\\s[A-Za-z0-9+/=\\s]*(?:Private-MAC: [0-9a-f]*)?",
  },
];

/** Tokens whose form alone tells what they are. */
const tokens: readonly SecretPattern[] = [
  {
    type: "jwt",
    pattern: "\\beyJ[0-9A-Za-z_-]{8,}\\.eyJ[0-9A-Za-z_-]{8,}\\.[0-9A-Za-z_-]{8,}",
    notAfter: "[0-9A-Za-z_-]",
  },
  {
    type: "url_password",
    pattern: "\\b[a-z][a-z0-9+.-]{1,20}://[^\\s:/@\"'<>]{0,64}:[^\\s/@\"'<>]{3,128}@",
    check: (text) => [text.indexOf(":", text.indexOf("://") + 3) + 1, text.length - 1],
  },
];

/** What values are called that are secret, whatever stands before it, as in `DB_PASSWORD` or `apiKey`. */
const words = "(?:key|token|secret|passwd|password|passphrase|pwd|credentials?|authorization)";

/** What looks as if nobody had thought of it, after words that tell what it is. */
const byContext: readonly SecretPattern[] = [
  {
    type: "authorization_header",
    pattern:
      "(?i)\\bauthorization[\"']?\\s{0,3}[:=]\\s{0,3}[\"']?(?:basic|bearer|token)\\s{1,3}[0-9A-Za-z._~+/=-]{16,}",
    check: randomPart,
    notBefore: "[0-9A-Za-z._~+/=-]",
  },
  {
    type: "high_entropy",
    pattern: `(?i)${words}(?:[_.-][a-z0-9]{1,16}){0,2}["']?(?:\\s{0,3}(?::=|=>|[:=])\\s{0,3}| is )["'\`]?[0-9A-Za-z+/=_~.!@#$%^&*-]{10,}`,
    notBefore: "[0-9A-Za-z+/=_~.!@#$%^&*(\\[{-]",
    check: randomPart,
  },
];

const byForm: readonly SecretPattern[] = [...privateKeys, ...vendorKeys, ...tokens];

/** All of them. */
export const detectors: readonly SecretPattern[] = [...byForm, ...byContext];

/**
 * Makes a scanner of some types. What is found by its form and what is found by the words before it are looked for apart:
 * a value that is passed by because it does not look random may hold something that has a form.
 */
export function secretScanner(types: readonly string[]): TextScanner {
  const parts = [
    { of: byForm, maxLength: longestSecret },
    { of: byContext, maxLength: longestByContext },
  ];
  return unionScanner(
    parts.flatMap(({ of, maxLength }) => {
      const chosen = of.filter(({ type }) => types.includes(type));
      return chosen.length === 0 ? [] : [patternScanner(chosen, { maxLength })];
    }),
  );
}

/** What can be found. */
export const secretTypes: readonly string[] = [...new Set(detectors.map(({ type }) => type))];

const isOfValue = new Set([..."0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=_~.!@#$%^&*-"]);

/** The value at a text's end, where it looks random; what does not is passed by whole. */
function randomPart(text: string): readonly [number, number] | null {
  const value = lastWord(text);
  return isRandom(value) ? [text.length - value.length, text.length] : null;
}

/** The value at the end of an assignment. Linear: it may be long, and of nothing but equal signs. */
function lastWord(text: string): string {
  let start = text.length;
  while (start > 0 && isOfValue.has(text[start - 1]!)) start -= 1;
  // Where nothing parts them, the name is taken for a part of the value.
  if (start === 0) start = text.indexOf("=") + 1;
  while (text[start] === "=") start += 1;
  return text.slice(start);
}
