import { type Phase, surfaces } from "./phases.ts";

/** The types a fact can have; the names are CEL's. */
export type FactType =
  | "string"
  | "int"
  | "double"
  | "bool"
  | "timestamp"
  | "list<string>"
  | "map<string, string>"
  | "map<string, double>";

/**
 * How a replay gets the value: `input` from the recorded identity and request summary, `recorded` from the decision
 * record (it cannot be computed again), `derived` from other facts.
 */
export type ReplayClass = "input" | "recorded" | "derived";

/** What is known of a fact without computing it. */
export interface FactSpec {
  readonly type: FactType;
  /** The phases whose rules may read it. */
  readonly phases: readonly Phase[];
  /** Largest size: characters of a string, elements of a list or map. Static cost bounds are computed from it. */
  readonly max?: number;
  /** Least and greatest value of a number, where it is not any from 0 on. */
  readonly range?: readonly [min: number, max: number];
  readonly replay: ReplayClass;
  /** The caller says so, and nothing bears it out: with another claim the same request is made. */
  readonly claim?: true;
  /** A policy type finds it out of the prompt's words. It may fail, and then cannot be read: see {@link FactUnavailable}. */
  readonly detected?: true;
  readonly doc: string;
  /** The values it can have, when the list is closed. */
  readonly values?: readonly string[];
  /** Top-level names under which flat CEL policies may read it, by phase. */
  readonly short?: { readonly name: string; readonly phases: readonly Phase[] };
}

const always = ["request", "stream", "response", "usage"] as const;
const afterwards = ["response", "usage"] as const;
const whileStreaming = ["stream"] as const;
const both = ["request", "usage"] as const;
/** From when limits are reserved. */
const onceReserved = ["stream", "response", "usage"] as const;

/**
 * Everything a rule can read, by dotted path: the one list from which the CEL environments, the TypeScript types,
 * the JSON Schema and the reference are made. A path has exactly a root and a name.
 */
export const factCatalogue = {
  "org.id": {
    type: "string",
    phases: always,
    max: 128,
    replay: "input",
    doc: "The organisation's id.",
    short: { name: "org_id", phases: both },
  },
  "org.labels": {
    type: "map<string, string>",
    phases: always,
    max: 32,
    replay: "input",
    doc: "The organisation's labels.",
  },
  "team.id": {
    type: "string",
    phases: always,
    max: 128,
    replay: "input",
    doc: "The team's id; empty when the application has none.",
  },
  "app.id": {
    type: "string",
    phases: always,
    max: 128,
    replay: "input",
    doc: "The application's id.",
    short: { name: "app_id", phases: both },
  },
  "app.name": { type: "string", phases: always, max: 128, replay: "input", doc: "The application's name." },
  "app.env": {
    type: "string",
    phases: always,
    max: 64,
    replay: "input",
    doc: "The environment of the gateway key, such as prod.",
  },
  "app.labels": {
    type: "map<string, string>",
    phases: always,
    max: 32,
    replay: "input",
    doc: "The application's labels.",
  },
  "key.id": {
    type: "string",
    phases: always,
    max: 64,
    replay: "input",
    doc: "The gateway key's id (never its secret).",
  },
  "user.id": {
    type: "string",
    phases: always,
    max: 256,
    replay: "input",
    claim: true,
    doc: "The end user: the sluice-user header, else the body's user field; empty when neither is sent. The client chooses it.",
  },
  "user.groups": {
    type: "list<string>",
    phases: always,
    max: 64,
    replay: "input",
    doc: "The end user's groups; empty unless an authenticated token names them.",
  },

  now: { type: "timestamp", phases: always, replay: "recorded", doc: "When the request arrived." },
  "clock.hour": {
    type: "int",
    phases: always,
    range: [0, 23],
    replay: "recorded",
    doc: "Hour of the day, 0 to 23, in the organisation's time zone.",
  },
  "clock.minute": {
    type: "int",
    phases: always,
    range: [0, 59],
    replay: "recorded",
    doc: "Minute of the hour, 0 to 59.",
  },
  "clock.weekday": {
    type: "int",
    phases: always,
    range: [0, 6],
    replay: "recorded",
    doc: "Day of the week: 0 is Sunday.",
  },
  "clock.date": {
    type: "string",
    phases: always,
    max: 10,
    replay: "recorded",
    doc: "Calendar date as YYYY-MM-DD, in the organisation's time zone.",
  },

  "request.id": { type: "string", phases: always, max: 64, replay: "input", doc: "Sluice's id of the request." },
  "request.surface": {
    type: "string",
    phases: always,
    max: 32,
    replay: "input",
    doc: "The wire format the client speaks: chat or messages.",
    values: surfaces,
  },
  "request.provider": {
    type: "string",
    phases: always,
    max: 64,
    replay: "input",
    doc: "The provider of the model's first target.",
  },
  "request.model": {
    type: "string",
    phases: always,
    max: 256,
    replay: "input",
    doc: "The model's name as the client wrote it.",
    short: { name: "model", phases: both },
  },
  "request.stream": { type: "bool", phases: always, replay: "input", doc: "Whether the client asked for a stream." },
  "request.bytes": {
    type: "int",
    phases: always,
    replay: "input",
    doc: "Size of the body in bytes, after decompression.",
    short: { name: "request_size_bytes", phases: both },
  },
  "request.message_count": {
    type: "int",
    phases: always,
    replay: "input",
    doc: "Number of messages, the system prompt of the messages surface included.",
  },
  "request.tool_count": { type: "int", phases: always, replay: "input", doc: "Number of tools offered." },
  "request.image_count": { type: "int", phases: always, replay: "input", doc: "Number of images in the messages." },
  "request.characters": {
    type: "int",
    phases: always,
    replay: "input",
    doc: "Characters (UTF-16 units) of all message texts together.",
  },
  "request.roles": {
    type: "list<string>",
    phases: always,
    max: 2048,
    replay: "input",
    doc: "The role of each message, in order.",
  },
  "request.tool_names": {
    type: "list<string>",
    phases: always,
    max: 512,
    replay: "input",
    doc: "The names of the tools offered, in order.",
  },
  "request.max_tokens": {
    type: "int",
    phases: always,
    replay: "input",
    doc: "The effective maximum of completion tokens: what the client asked for, else the model's own; times the number of choices asked for; 0 on surfaces that write nothing, such as embeddings.",
  },
  "request.max_tokens_requested": {
    type: "int",
    phases: always,
    replay: "input",
    claim: true,
    doc: "The maximum the client asked for, times the number of choices; 0 when it asked for none.",
  },
  "request.choices": {
    type: "int",
    phases: always,
    replay: "input",
    doc: "How many answers are asked for (n); 1 when the client does not say.",
  },
  "request.temperature": {
    type: "double",
    phases: always,
    replay: "input",
    doc: "The temperature asked for; 1 when none was.",
  },
  "request.estimated_tokens": {
    type: "int",
    phases: always,
    replay: "recorded",
    doc: "Tokens of the prompt, counted with the model's own encoding where it is public, else estimated.",
    short: { name: "estimated_tokens", phases: both },
  },
  "request.estimated_cost_usd": {
    type: "double",
    phases: always,
    replay: "recorded",
    doc: "Price of the prompt and of max_tokens completion tokens; 0 for a model without a price.",
  },
  "request.priced": {
    type: "bool",
    phases: always,
    replay: "recorded",
    doc: "Whether a price is known for the model. A price of 0 is one.",
  },
  "request.input_usd_per_million": {
    type: "double",
    phases: always,
    replay: "recorded",
    doc: "The most that a token of this prompt can cost, in USD per 1,000,000; 0 for a model without a price.",
  },
  "request.output_usd_per_million": {
    type: "double",
    phases: always,
    replay: "recorded",
    doc: "The most that a completion token can cost, in USD per 1,000,000; 0 for a model without a price.",
  },
  "request.has_images": { type: "bool", phases: always, replay: "input", doc: "Whether a message holds an image." },
  "request.source_ip": {
    type: "string",
    phases: always,
    max: 64,
    replay: "input",
    doc: "The address of the connection's other end.",
  },
  "request.headers": {
    type: "map<string, string>",
    phases: always,
    max: 32,
    replay: "input",
    claim: true,
    doc: "Request headers that the configuration allows policies to read, with lower-case names.",
  },

  "pii.types": {
    type: "list<string>",
    phases: always,
    max: 32,
    replay: "recorded",
    detected: true,
    doc: "The types of personal data in the prompt, each once, in order; never the data.",
  },
  "pii.count": {
    type: "int",
    phases: always,
    replay: "recorded",
    detected: true,
    doc: "How many pieces of personal data are in the prompt.",
  },
  "secrets.types": {
    type: "list<string>",
    phases: always,
    max: 64,
    replay: "recorded",
    detected: true,
    doc: "The types of secrets in the prompt, each once, in order; never the secrets.",
  },
  "injection.score": {
    type: "double",
    phases: always,
    range: [0, 1],
    replay: "recorded",
    detected: true,
    doc: "How much the prompt looks like an attack on the model, from 0 to 1.",
  },

  "limits.used": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "What is used or held of each limit that the request took from, by its policy's name, such as rate_limit for org/rate-limit: limits.rate_limit.used; of several limits of a policy the tightest. This request's share is what it reserved, in phase usage what it used.",
  },
  "limits.limit": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "The maximum of each of these limits.",
  },
  "limits.remaining": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "What is left of each of these limits; 0 when more was used than there is.",
  },
  "budget.spent_usd": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "US dollars spent or held of each budget in money that the request took from, by its policy's name.",
  },
  "budget.limit_usd": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "US dollars of each of these budgets.",
  },
  "budget.fraction": {
    type: "map<string, double>",
    phases: onceReserved,
    max: 64,
    replay: "recorded",
    doc: "The part of each of these budgets that is spent or held; more than 1 when more was spent than there is.",
  },
  "event.type": {
    type: "string",
    phases: whileStreaming,
    max: 64,
    replay: "recorded",
    doc: "text, tool_call, usage, end or other.",
    values: ["text", "tool_call", "usage", "end", "other"],
  },
  "event.text": {
    type: "string",
    phases: whileStreaming,
    max: 65536,
    replay: "recorded",
    doc: "The text this event adds.",
  },
  "event.tool_name": {
    type: "string",
    phases: whileStreaming,
    max: 256,
    replay: "recorded",
    doc: "The tool this event calls; empty otherwise.",
  },
  "stream.output_tokens": {
    type: "int",
    phases: whileStreaming,
    replay: "recorded",
    doc: "Completion tokens sent so far, counted.",
  },
  "stream.elapsed_ms": {
    type: "int",
    phases: whileStreaming,
    replay: "recorded",
    doc: "Milliseconds since the request arrived.",
  },

  "response.status": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "HTTP status of the provider's answer.",
  },
  "response.bytes": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Size of the answer in bytes.",
    short: { name: "response_size_bytes", phases: ["usage"] },
  },
  "response.latency_ms": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Milliseconds from arrival to the end of the answer.",
    short: { name: "latency_ms", phases: ["usage"] },
  },
  "response.finish_reason": {
    type: "string",
    phases: afterwards,
    max: 64,
    replay: "recorded",
    doc: "Why the answer ended, in the provider's word.",
  },
  "usage.prompt_tokens": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Every input token, cached ones included.",
    short: { name: "prompt_tokens", phases: ["usage"] },
  },
  "usage.completion_tokens": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Every output token, reasoning included.",
    short: { name: "completion_tokens", phases: ["usage"] },
  },
  "usage.total_tokens": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Prompt and completion together.",
    short: { name: "total_tokens", phases: ["usage"] },
  },
  "usage.cached_tokens": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Input tokens read from the provider's cache.",
  },
  "usage.reasoning_tokens": {
    type: "int",
    phases: afterwards,
    replay: "recorded",
    doc: "Output tokens spent on reasoning.",
  },
  "usage.cost_usd": {
    type: "double",
    phases: afterwards,
    replay: "recorded",
    doc: "Price of the call; 0 for a model without a price.",
  },
  "usage.provenance": {
    type: "string",
    phases: afterwards,
    max: 16,
    replay: "recorded",
    doc: "Where the counts come from: provider, estimated or partial.",
    values: ["provider", "estimated", "partial"],
  },
} as const satisfies Record<string, FactSpec>;

/** The dotted path of a fact, such as `request.model`. */
export type FactName = keyof typeof factCatalogue;

type ValueOf<T extends FactType> = {
  string: string;
  int: number;
  double: number;
  bool: boolean;
  timestamp: Date;
  "list<string>": readonly string[];
  "map<string, string>": Readonly<Record<string, string>>;
  "map<string, double>": Readonly<Record<string, number>>;
}[T];

type Catalogue = typeof factCatalogue;
/** The facts that policy types find out of the prompt's words. */
export type DetectedFactName = {
  [N in FactName]: Catalogue[N] extends { readonly detected: true } ? N : never;
}[FactName];
/** Values of detected facts. */
export type DetectedFacts = { readonly [N in DetectedFactName]?: ValueOf<Catalogue[N]["type"]> };
type Roots = FactName extends infer N ? (N extends `${infer R}.${string}` ? R : never) : never;
type Fields<R extends string> = {
  [N in FactName as N extends `${R}.${infer F}` ? F : never]: ValueOf<Catalogue[N]["type"]>;
};

/**
 * The facts of one request, nested by root: `facts.request.model`.
 *
 * Ints are JavaScript numbers. Every field is present; one that no active rule reads may hold its type's zero value,
 * because only what some rule reads is computed. Later phases fill `response`, `usage`, `event` and `stream`.
 */
export type Facts = { [R in Roots]: Fields<R> } & { now: Date };

/** The spec of every fact with its path, for code that walks the catalogue. */
export const factEntries = Object.entries(factCatalogue) as ReadonlyArray<readonly [FactName, FactSpec]>;

/** A fact that could not be found out. What reads it cannot be evaluated, and counts as its policy's `onError`. */
export class FactUnavailable extends Error {
  readonly fact: FactName;
  /** A word or sentence that repeats nothing of the request, such as timeout. */
  readonly reason: string;

  constructor(fact: FactName, reason: string) {
    super(`${fact} cannot be had: ${reason}`);
    this.name = "FactUnavailable";
    this.fact = fact;
    this.reason = reason;
  }
}

/** Makes reading a field of a root fail with {@link FactUnavailable}. */
export function failFact(root: object, field: string, fact: FactName, reason: string): void {
  Object.defineProperty(root, field, {
    enumerable: true,
    configurable: true,
    get(): never {
      throw new FactUnavailable(fact, reason);
    },
  });
}

/** Whether `path` names a fact. */
export function isFactName(path: string): path is FactName {
  return Object.hasOwn(factCatalogue, path);
}

/** Reads one fact by its dotted path. */
export function readFact(facts: Facts, name: FactName): unknown {
  const dot = name.indexOf(".");
  if (dot < 0) return (facts as unknown as Record<string, unknown>)[name];
  const root = (facts as unknown as Record<string, Record<string, unknown>>)[name.slice(0, dot)];
  return root?.[name.slice(dot + 1)];
}

const zeroes: { readonly [T in FactType]: () => ValueOf<T> } = {
  string: () => "",
  int: () => 0,
  double: () => 0,
  bool: () => false,
  timestamp: () => new Date(0),
  "list<string>": () => [],
  "map<string, string>": () => ({}),
  "map<string, double>": () => ({}),
};

/** Facts in which every field holds its type's zero value; the start of every test and dry run. */
export function emptyFacts(): Facts {
  const facts: Record<string, unknown> = {};
  for (const [name, spec] of factEntries) setPath(facts, name, zeroes[spec.type]());
  return facts as Facts;
}

function setPath(target: Record<string, unknown>, path: string, value: unknown): void {
  const dot = path.indexOf(".");
  if (dot < 0) {
    target[path] = value;
    return;
  }
  const root = path.slice(0, dot);
  target[root] ??= {};
  (target[root] as Record<string, unknown>)[path.slice(dot + 1)] = value;
}
