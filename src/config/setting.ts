import { networkProblem } from "../core/networks.ts";

/** A kind of value: what is accepted, in words and as JSON Schema, and how it is read. */
export interface SettingType<T> {
  /** Completes "must be …". */
  readonly accepts: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Reads text: of a flag, of the environment, or of a file's value that is made of them. `undefined` when it is not accepted. */
  fromText(text: string): T | undefined;
  /** Reads a file's value. `undefined` when it is not accepted. */
  fromValue(value: unknown): T | undefined;
  /** A path is taken relative to where it was written. */
  readonly isPath?: boolean;
  /** A flag of this type needs no value: without one it is `true`. */
  readonly isSwitch?: boolean;
}

/** One setting, as the registry declares it. Its name in the file is its key in the registry. */
export interface Setting<T = unknown> {
  readonly type: SettingType<T>;
  /** `undefined` for a setting that may stay unset. */
  readonly default: T | undefined;
  /** Its name in the environment where that is not made of the key; others begin with SLUICE_. */
  readonly env?: string;
  /** Never shown; may also be given as a file's path under the name with `_FILE`. */
  readonly secret?: boolean;
  /** `false` when the configuration file cannot hold it. */
  readonly inFile?: boolean;
  /** One or two sentences: what it is for. */
  readonly doc: string;
}

/** The name of a setting in the environment. */
export function envName(key: string, setting: Setting): string {
  return setting.env ?? `SLUICE_${key.replaceAll(".", "_").toUpperCase()}`;
}

/** The name of a setting as a flag, with its dashes: SLUICE_POLICIES_DIR is --policies-dir. */
export function flagName(key: string, setting: Setting): string {
  return `--${envName(key, setting)
    .replace(/^SLUICE_/, "")
    .toLowerCase()
    .replaceAll("_", "-")}`;
}

/** Any text but the empty one. */
export const text: SettingType<string> = {
  accepts: "a text that is not empty",
  schema: { type: "string", minLength: 1 },
  fromText: (value) => (value === "" ? undefined : value),
  fromValue: (value) => (typeof value === "string" && value !== "" ? value : undefined),
};

/** An address of the web without credentials, which would be shown. */
export const httpUrl: SettingType<string> = {
  ...text,
  accepts: "an http or https URL without credentials",
  fromText: (value) => {
    if (!URL.canParse(value)) return undefined;
    const { protocol, username, password } = new URL(value);
    return /^https?:$/.test(protocol) && username === "" && password === "" ? value : undefined;
  },
  fromValue: (value) => (typeof value === "string" ? httpUrl.fromText(value) : undefined),
};

/** The path of a file or folder; made absolute. */
export const path: SettingType<string> = { ...text, accepts: "a path", isPath: true };

/** `true` or `false`. */
export const toggle: SettingType<boolean> = {
  accepts: "true or false",
  schema: { type: "boolean" },
  fromText: (value) =>
    value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : undefined,
  fromValue: (value) => (typeof value === "boolean" ? value : undefined),
  isSwitch: true,
};

/** A whole number within bounds. */
export function integer(minimum: number, maximum: number): SettingType<number> {
  const check = (value: unknown) =>
    typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum ? value : undefined;
  return {
    accepts: `a whole number from ${minimum} to ${maximum}`,
    schema: { type: "integer", minimum, maximum },
    fromText: (value) => (/^\d{1,16}$/.test(value) ? check(Number(value)) : undefined),
    fromValue: check,
  };
}

/** A time in seconds, fractions included; more than 0 and at most a day. */
export const seconds: SettingType<number> = {
  accepts: "a number of seconds, more than 0 and at most 86400",
  schema: { type: "number", exclusiveMinimum: 0, maximum: 86_400 },
  fromText: (value) => (/^\d{1,5}(\.\d{1,6})?$/.test(value) ? seconds.fromValue(Number(value)) : undefined),
  fromValue: (value) => (typeof value === "number" && value > 0 && value <= 86_400 ? value : undefined),
};

/** US dollars per 1,000,000 tokens. */
export const usd: SettingType<number> = {
  accepts: "a number of US dollars per 1,000,000 tokens, from 0 to 1000000",
  schema: { type: "number", minimum: 0, maximum: 1_000_000 },
  fromText: (value) => (/^\d{1,7}(\.\d{1,9})?$/.test(value) ? usd.fromValue(Number(value)) : undefined),
  fromValue: (value) => (typeof value === "number" && value >= 0 && value <= 1_000_000 ? value : undefined),
};

/** A day of the calendar. */
export const day: SettingType<string> = {
  accepts: "a date as YYYY-MM-DD",
  schema: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" },
  fromText: (value) => {
    const isDay = /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
    return isDay ? value : undefined;
  },
  fromValue: (value) => (typeof value === "string" ? day.fromText(value) : undefined),
};

/** One of some words. */
export function choice<const T extends string>(...words: readonly T[]): SettingType<T> {
  const check = (value: unknown) => words.find((word) => word === value);
  return {
    accepts: `one of ${words.join(", ")}`,
    schema: { type: "string", enum: words },
    fromText: check,
    fromValue: check,
  };
}

/** Headers that hold credentials: policies could put them into messages and records. */
const credentialHeaders = ["authorization", "cookie", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key"];
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Names of request headers, made lower-case: a list, or in text separated by commas. */
export const headerNames: SettingType<readonly string[]> = {
  accepts: `a list of header names without ${credentialHeaders.join(", ")}`,
  schema: { type: "array", items: { type: "string", pattern: headerName.source } },
  fromText: (value) => headerNames.fromValue(value.split(",").map((name) => name.trim())),
  fromValue: (value) => {
    if (!Array.isArray(value)) return undefined;
    const names = value.map((name) => (typeof name === "string" ? name.toLowerCase() : ""));
    return names.every((name) => headerName.test(name) && !credentialHeaders.includes(name)) ? names : undefined;
  },
};

/** Networks: a list, or in text separated by commas. */
export const networks: SettingType<readonly string[]> = {
  accepts: "a list of addresses and networks such as 10.0.0.0/8 or 2001:db8::/32",
  schema: { type: "array", items: { type: "string", pattern: "^[0-9A-Fa-f.:]+(?:/\\d{1,3})?$" } },
  fromText: (value) => networks.fromValue(value.split(",").map((network) => network.trim())),
  fromValue: (value) => {
    if (!Array.isArray(value)) return undefined;
    return value.every((one) => typeof one === "string" && networkProblem(one) === undefined) ? value : undefined;
  },
};

/** Names of claims: a list, or in text separated by commas. */
export const claimNames: SettingType<readonly string[]> = {
  accepts: "a list of names of claims",
  schema: { type: "array", minItems: 1, items: { type: "string", pattern: "^[^\\s,]+$" } },
  fromText: (value) => claimNames.fromValue(value.split(",").map((name) => name.trim())),
  fromValue: (value) => {
    if (!Array.isArray(value) || value.length === 0) return undefined;
    return value.every((name) => typeof name === "string" && /^[^\s,]+$/.test(name)) ? value : undefined;
  },
};
