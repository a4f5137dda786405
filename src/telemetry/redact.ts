import { stdSerializers } from "pino";

/**
 * Keeps secrets out of logs, whoever wrote the line and whatever the library that failed put into its error. It is the second
 * line of defence: the first is that nobody logs secrets or text of prompts.
 */

/** Takes what is secret out of a text. */
export type Redactor = (text: string) => string;

/** What stands in place of a secret. */
export const censored = "[secret]";

/** Names of fields that hold secrets, without case, dashes and underscores. */
const secretFields = new Set([
  "authorization",
  "proxyauthorization",
  "apikey",
  "xapikey",
  "xgoogapikey",
  "accesskey",
  "accesstoken",
  "refreshtoken",
  "authheaders",
  "clientsecret",
  "connectionstring",
  "cookie",
  "setcookie",
  "credential",
  "credentials",
  "jwt",
  "passwd",
  "password",
  "privatekey",
  "secret",
  "secrethash",
  "token",
]);

/** Names of fields that hold what people wrote. */
const textFields = new Set(["prompt", "prompts", "messages", "completion", "contents", "body", "requestbody", "args"]);

/** Deeper than anything that is logged on purpose. */
const maxDepth = 8;

/**
 * A copy of what is logged without the values of fields that hold secrets or text of prompts, at any depth, and with all
 * other texts as `redact` makes them.
 */
export function redactFields(value: unknown, redact: Redactor, depth = 0): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth >= maxDepth) return "[deep]";
  if (value instanceof Error) return redactFields(stdSerializers.errWithCause(value), redact, depth);
  if (ArrayBuffer.isView(value)) return "[bytes]";
  if (Array.isArray(value)) return value.map((part) => redactFields(part, redact, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const name in value) {
    const held = (value as Record<string, unknown>)[name];
    const plain = name.toLowerCase().replace(/[-_]/g, "");
    if (typeof held === "number" || typeof held === "boolean") copy[name] = held;
    else if (secretFields.has(plain)) copy[name] = censored;
    else if (textFields.has(plain)) copy[name] = "[text]";
    else copy[redact(name)] = redactFields(held, redact, depth + 1);
  }
  return copy;
}

/**
 * What secrets look like, wherever they stand; what is kept of them is their groups, before and after. All of them take
 * time in proportion to the text.
 */
const shapes: readonly RegExp[] = [
  /\b((?:Bearer|Basic)\s{1,8})[A-Za-z0-9._~+/=-]{6,}()/gi,
  // Sluice's own keys: the id in the middle is no secret, and says which one it was.
  /\b(sl[ac]_[a-z0-9]{16}_)[A-Za-z0-9_-]{43}()/g,
  /\b()(?:sk|pk|rk|gsk|xai|hf|glpat|ghp|gho|ghs|github_pat|xox[abprs])[-_][A-Za-z0-9_-]{12,}()/g,
  /\b()AIza[A-Za-z0-9_-]{30,}()/g,
  /\b()(?:AKIA|ASIA)[A-Z0-9]{16}\b()/g,
  /\b()eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*()/g,
  /(:\/\/)[^\s/@"'\\]{1,500}(@)/g,
  /([?&;](?:key|api[-_]?key|access[-_]?token|token|sig|signature|password)=)[^&\s"'\\]+()/gi,
];

/**
 * Makes what takes secrets out of a text: those that are known, in whatever way they are written, and whatever looks like
 * one.
 *
 * @param known asked for each text, because some are only made after the first line; none that is shorter than 8
 *   characters is looked for
 */
export function createRedactor(known: () => Iterable<string>): Redactor {
  return (text) => {
    let clean = text;
    for (const secret of known()) {
      if (secret.length < 8) continue;
      for (const written of new Set([secret, encodeURIComponent(secret.toWellFormed())]))
        clean = clean.replaceAll(written, censored);
    }
    for (const shape of shapes) clean = clean.replace(shape, `$1${censored}$2`);
    return clean;
  };
}

/**
 * The secrets in a configured value: itself, and of an address or a list of headers what is secret in it, because others
 * write it on its own.
 */
export function secretsIn(value: string): string[] {
  const [, password] = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:([^/@\s]*)@/i.exec(value) ?? [];
  const pairs = value.split(",").flatMap((pair) => /^\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+=(.+)$/.exec(pair)?.[1] ?? []);
  const found = [value, ...(password === undefined ? [] : [password]), ...(password === undefined ? pairs : [])];
  return [...new Set(found.flatMap((one) => [one, decoded(one)]))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
