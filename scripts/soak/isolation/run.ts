import fc from "fast-check";
import { createAdmin } from "../../../src/admin/admin.ts";
import type { AdminDeps } from "../../../src/admin/deps.ts";
import { createOpenApiDocument } from "../../../src/admin/openapi.ts";
import {
  type Answer,
  bodyOf,
  type Operation,
  operationsOf,
  parametersIn,
} from "../../../src/admin/testing-contract.ts";
import { type Instead, startWorld } from "../../../src/admin/testing-world.ts";
import { type Drawn, drawRequest } from "../api/requests.ts";
import { createTenant, type Tenant, type World } from "./tenants.ts";

/** What a run comes to. */
export interface IsolationResult {
  readonly calls: number;
  /** Of them, those that named something of the other organisation. */
  readonly crossing: number;
  /** How many answers had each status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What one organisation was told of the other, or could do there; at most {@link mostFindings}. */
  readonly findings: readonly string[];
  /** Operations that an operator of one organisation never succeeded with. */
  readonly neverSucceeded: readonly string[];
}

const mostFindings = 50;
/** Calls change and delete what there is; so many of them meet the same things before they are made anew. */
const worldCalls = 500;
/** Members of inputs that give a name, to something new where there is nothing of that name; and one with words of its own. */
const named = new Set(["name", "team", "surface"]);
/** Members of inputs that name something that must be the caller's own. */
const owned = new Set(["app", "application", "organisation", "org", "key"]);

/**
 * Operators of two organisations, in every role, make calls drawn from the OpenAPI document. Half of the calls name what
 * is their own, half what is the other organisation's. No answer may tell anything of the other one, no call may change it.
 *
 * @param seed the same seed draws the same calls
 */
export async function runIsolation(plan: {
  readonly calls: number;
  readonly seed: number;
  readonly progress?: (line: string) => void;
}): Promise<IsolationResult> {
  const document = await createOpenApiDocument(createAdmin({} as AdminDeps), "0.0.0");
  const operations = operationsOf(document);
  const random = createRandom(plan.seed);
  const drawn = new Map<Operation, Drawn[]>();
  const perOperation = Math.min(30, Math.ceil(plan.calls / operations.length) + 10);
  for (const [i, operation] of operations.entries()) {
    const seed = plan.seed + i;
    drawn.set(
      operation,
      fc.sample(drawRequest(operation), { seed, numRuns: perOperation, randomType: "xorshift128plus" }),
    );
  }

  const statuses = new Map<number, number>();
  const findings: string[] = [];
  const succeeded = new Set<string>();
  let [calls, crossing] = [0, 0];
  const find = (what: string) => {
    if (findings.length < mostFindings) findings.push(what);
  };

  while (calls < plan.calls) {
    await using world = await startWorld(document);
    const tenants = [await createTenant(world, "zqalpha"), await createTenant(world, "zqbeta")] as const;
    for (let here = 0; here < worldCalls && calls < plan.calls; here += 1, calls += 1) {
      const operation = operations[random(operations.length)]!;
      const [own, other] = random(2) === 0 ? tenants : ([tenants[1], tenants[0]] as const);
      // Most calls by owners: the others are refused more often than not.
      const { key } = own.operators[random(3) > 0 ? own.operators.length - 1 : random(own.operators.length)]!;
      const target = random(2) === 0 ? own : other;
      const draws = drawn.get(operation)!;
      // Examples succeed more often than what is drawn.
      const drawnRequest = random(4) === 0 ? exampleOf(operation) : draws[random(draws.length)]!;
      const instead = aimAt(drawnRequest, operation, target, random);
      let answer: Answer;
      try {
        answer = await world.send(operation, { ...instead, key });
      } catch (error) {
        find(`${operation.operationId} ${JSON.stringify(instead)}: its answer broke off: ${error}`);
        continue;
      }
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status < 300) succeeded.add(operation.operationId);
      if (answer.status === 201) learn(answer, own);
      const named = target === other ? namesOf(operation, instead, other) : [];
      if (named.length > 0) crossing += 1;
      for (const problem of judge(answer, instead, other, named)) find(tell(operation, instead, answer, problem));
    }
    for (const problem of await trespasses(world, tenants)) find(problem);
    plan.progress?.(`${calls} calls, ${crossing} across, ${findings.length} findings`);
  }
  const deployment = operations.filter((one) => one["x-required-reach"] === "deployment");
  for (const { operationId } of deployment)
    if (succeeded.has(operationId)) find(`${operationId} concerns all and was done`);
  const neverSucceeded = operations
    .filter((one) => !deployment.includes(one) && !succeeded.has(one.operationId))
    .map(({ operationId }) => operationId);
  return { calls, crossing, statuses, findings, neverSucceeded };
}

/** The request with one organisation's things in the place of those of the examples. */
function aimAt(
  { parameters, headers, body }: Drawn,
  operation: Operation,
  target: Tenant,
  random: (below: number) => number,
): Instead & { readonly parameters: Readonly<Record<string, string>> } {
  const swap = (value: unknown): unknown => {
    if (typeof value === "string") return target.instead.get(value) ?? value;
    if (Array.isArray(value)) return value.map(swap);
    if (typeof value !== "object" || value === null) return value;
    // What is called as the other's things would be told back, and nobody could say whose it is.
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, named.has(name) ? one : swap(one)]));
  };
  const chosen = Object.entries(parameters).map(([name, value]): [string, string] => {
    const text = typeof value === "string" ? value : target.ids[(value.known + random(97)) % target.ids.length]!;
    return [name, String(swap(text)).toWellFormed()];
  });
  const swapped = swap(body);
  return {
    parameters: Object.fromEntries([...examplesOf(operation, swap), ...chosen]),
    headers,
    body: swapped === undefined ? null : typeof swapped === "string" ? JSON.stringify(swapped) : swapped,
  };
}

/** The request that the document shows. */
function exampleOf(operation: Operation): Drawn {
  const required = operation.parameters.filter(({ required, in: place }) => required && place === "query");
  const parameters = Object.fromEntries(required.map(({ name, example }) => [name, String(example)]));
  const { schema, example } = bodyOf(operation) ?? {};
  if (example === undefined) return { parameters, headers: {} };
  // What is for all applications without one is not for operators of one organisation.
  const takesApplication = Object.hasOwn((schema?.properties as object | undefined) ?? {}, "application");
  const body = takesApplication ? { application: "chat", ...(example as object) } : example;
  return { parameters, headers: {}, body };
}

function examplesOf(operation: Operation, swap: (value: unknown) => unknown): [string, string][] {
  return parametersIn(operation, "path").map(({ name, example }) => [name, String(swap(example))]);
}

/** Where a request names something of an organisation that only its own operators may name with success. */
function namesOf(operation: Operation, { parameters = {}, body }: Instead, { ids }: Tenant): readonly string[] {
  // Any name is a model where a vendor is configured.
  const inPath = operation.path.startsWith("/admin/v1/models/")
    ? []
    : parametersIn(operation, "path").map(({ name }) => name);
  const inBody = typeof body === "object" && body !== null ? Object.entries(body) : [];
  return [
    ...inPath.filter((name) => ids.includes(parameters[name] ?? "")),
    ...inBody
      .filter(([name, value]) => owned.has(name) && typeof value === "string" && ids.includes(value))
      .map(([name]) => name),
  ];
}

/** What is wrong with an answer to who may not know of `other`. */
function judge(answer: Answer, instead: Instead, other: Tenant, named: readonly string[]): readonly string[] {
  const wrong: string[] = [];
  if (answer.status >= 500) wrong.push("an error inside");
  if (answer.status < 300 && named.length > 0) wrong.push(`it succeeded with the other's ${named.join(", ")}`);
  let told = `${answer.text}\n${[...answer.headers].join("\n")}`;
  // What the caller said himself is no news to him; errors repeat long input only in part.
  const all = textsIn([instead.parameters, instead.headers, instead.body]).sort((a, b) => b.length - a.length);
  told = told.replace(/'([^']{8,})…'/g, (cut, begin: string) =>
    all.some((said) => said.startsWith(begin)) ? "" : cut,
  );
  for (const said of all) {
    for (const form of new Set([said, JSON.stringify(said).slice(1, -1), encodeURIComponent(said.toWellFormed())])) {
      if (form.length > 2) told = told.replaceAll(form, "");
    }
  }
  const secrets = [other.mark, ...other.ids.filter((id) => id.length >= 12 && !id.includes(other.mark))];
  const leaked = secrets.filter((secret) => told.includes(secret));
  if (leaked.length > 0) wrong.push(`it tells ${leaked.join(", ")}`);
  return wrong;
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value, ...value.split(/[,|\s]+/)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => [name, ...textsIn(one)]);
}

/** What the audit log says that operators did outside of their organisation. */
async function trespasses({ admin }: World, tenants: readonly Tenant[]): Promise<readonly string[]> {
  const home = new Map(
    tenants.flatMap(({ organisation, operators }) => operators.map(({ actor }) => [actor, organisation])),
  );
  const found: string[] = [];
  for (let after = 0; ; ) {
    const entries = await admin.store.audit.after(after, 500);
    for (const { seq, actor, action, subject, organisation } of entries) {
      after = seq;
      const own = home.get(actor);
      if (own !== undefined && own !== organisation)
        found.push(`${actor} of ${own}: ${action} ${subject} of ${organisation}`);
    }
    if (entries.length === 0) return found;
  }
}

function learn({ text }: Answer, own: Tenant): void {
  const { id } = JSON.parse(text) as { readonly id?: unknown };
  if (typeof id === "string" && own.ids.length < 60) own.ids.push(id);
}

function tell({ method, path }: Operation, instead: Instead, { status, text }: Answer, problem: string): string {
  return [
    `${method} ${path} ${JSON.stringify(instead.parameters)} ${JSON.stringify(instead.body ?? null).slice(0, 400)}`,
    `    ${problem}: ${status} ${text.slice(0, 600)}`,
  ].join("\n");
}

/** Whole numbers from 0, the same for the same seed. */
function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
