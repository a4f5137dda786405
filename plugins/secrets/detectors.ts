import type { ScanPattern } from "../../src/sdk/index.ts";
import { isRandom } from "./entropy.ts";
import { vendorKeys } from "./vendors.ts";

/** An expression for one kind of secret. */
export interface SecretPattern extends Omit<ScanPattern, "replacement"> {
  readonly type: string;
}

/** Longest secret that is found whole: a private key of 8,192 bits in PEM is shorter. */
export const longestSecret = 8_192;

const pemHead = "-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----";
const pemTail = "-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----";

/** Keys in PEM, over as many lines as they have: to their end, or as far as they go on where it is missing. */
const privateKeys: readonly SecretPattern[] = [
  {
    type: "private_key",
    pattern: `${pemHead}(?:[A-Za-z0-9+/=\\s\\\\:,.()-]*?${pemTail}|[A-Za-z0-9+/=\\s\\\\]*)`,
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
  {
    type: "authorization_header",
    pattern:
      "(?i)\\bauthorization[\"']?\\s{0,3}[:=]\\s{0,3}[\"']?(?:basic|bearer|token)\\s{1,3}[0-9A-Za-z._~+/=-]{16,}",
    check: (text) => isRandom(lastWord(text)) && [text.length - lastWord(text).length, text.length],
    notBefore: "[0-9A-Za-z._~+/=-]",
  },
];

/** What values are called that are secret, whatever stands before it, as in `DB_PASSWORD` or `apiKey`. */
const words = "(?:key|token|secret|passwd|password|passphrase|pwd|credentials?|authorization)";

/** What looks as if nobody had thought of it, after words that tell what it is. */
const byContext: readonly SecretPattern[] = [
  {
    type: "high_entropy",
    pattern: `(?i)${words}(?:[_.-][a-z0-9]{1,16}){0,2}["']?(?:\\s{0,3}(?::=|=>|[:=])\\s{0,3}| is )["'\`]?[0-9A-Za-z+/=_~.!@#$%^&*-]{10,}`,
    notBefore: "[0-9A-Za-z+/_~!@#$%^&*(\\[{-]",
    check: (text) => isRandom(lastWord(text)) && [text.length - lastWord(text).length, text.length],
  },
];

/** All of them; of what begins at one place the first is found. */
export const detectors: readonly SecretPattern[] = [...privateKeys, ...vendorKeys, ...tokens, ...byContext];

/** What can be found. */
export const secretTypes: readonly string[] = [...new Set(detectors.map(({ type }) => type))];

const isOfValue = new Set([..."0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=_~.!@#$%^&*-"]);

/** The value at the end of an assignment. Linear: it may be long, and of nothing but equal signs. */
function lastWord(text: string): string {
  let start = text.length;
  while (start > 0 && isOfValue.has(text[start - 1]!)) start -= 1;
  // Where nothing parts them, the name is taken for a part of the value.
  if (start === 0) start = text.indexOf("=") + 1;
  while (text[start] === "=") start += 1;
  return text.slice(start);
}
