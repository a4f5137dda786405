import fc from "fast-check";
import { createAdmin } from "../../../src/admin/admin.ts";
import type { AdminDeps } from "../../../src/admin/deps.ts";
import { createOpenApiDocument } from "../../../src/admin/openapi.ts";
import { type Answer, createContract, type Operation, operationsOf } from "../../../src/admin/testing-contract.ts";
import { type Instead, startWorld } from "../../../src/admin/testing-world.ts";
import { type Drawn, drawRequest, fromKnown } from "./requests.ts";

/** What a run comes to. */
export interface ApiResult {
  readonly requests: number;
  /** How many answers had each status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What is wrong, with the request that showed it; at most {@link mostFindings} of them. */
  readonly findings: readonly string[];
  /** Operations that no request succeeded with, where each had {@link enoughRequests}. */
  readonly neverSucceeded: readonly string[];
}

const mostFindings = 50;
const roundsDrawn = 10;
/** Of so many requests for an operation one has to succeed, or the rest says little of it. */
const enoughRequests = 100;
/** Requests change what there is; so many of them meet the same things before they are made anew. */
const worldRequests = 800;
/** Ids that were seen in answers and are asked for again. */
const mostKnown = 100;

/**
 * Sends requests that are drawn from the OpenAPI document to a control plane: each operation equally often, in turn.
 *
 * @param seed the same seed draws the same requests
 */
export async function runApi(plan: {
  readonly requests: number;
  readonly seed: number;
  readonly progress?: (line: string) => void;
}): Promise<ApiResult> {
  const document = await createOpenApiDocument(createAdmin({} as AdminDeps), "0.0.0");
  const operations = operationsOf(document);
  const { check } = createContract(document);
  const statuses = new Map<number, number>();
  const findings: string[] = [];
  const succeeded = new Set<string>();
  const numRuns = Math.ceil(plan.requests / operations.length);
  const arbitraries = operations.map(drawRequest);
  /** The requests of some rounds, by operation: so many at a time as fit into memory, however long the run. */
  let drawn: readonly (readonly Drawn[])[] = [];

  let sent = 0;
  for (let round = 0; sent < plan.requests; ) {
    await using world = await startWorld(document);
    const known = ["live", "latest", "previous", "echo", "default", "org/prod-token-cap", "org/free-tier", "chat"];
    for (let here = 0; here < worldRequests && sent < plan.requests; round += 1) {
      if (round % roundsDrawn === 0) {
        const seed = plan.seed + round * operations.length;
        drawn = arbitraries.map((one, i) => fc.sample(one, { seed: seed + i, numRuns: roundsDrawn }));
      }
      // The order changes from round to round: what is deleted in one is there for others before.
      for (const [at, operation] of shuffled(operations, plan.seed + round)) {
        const instead = toInstead(drawn[at]![round % roundsDrawn]!, known, world.here);
        const answer = await world.send(operation, instead);
        sent += 1;
        here += 1;
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status < 300) succeeded.add(operation.operationId);
        const wrong =
          answer.status >= 500 ? ["an error inside", ...check(operation, answer)] : check(operation, answer);
        if (wrong.length > 0 && findings.length < mostFindings) {
          findings.push(`${tell(operation, instead, answer)}\n    ${wrong.slice(0, 4).join("\n    ")}`);
        }
        learn(answer, known);
      }
    }
    plan.progress?.(`${sent} requests, ${findings.length} findings`);
  }
  const enough = numRuns >= enoughRequests;
  const neverSucceeded = operations.map((one) => one.operationId).filter((id) => enough && !succeeded.has(id));
  return { requests: sent, statuses, findings, neverSucceeded };
}

function shuffled(operations: readonly Operation[], seed: number): readonly (readonly [at: number, Operation])[] {
  const all = operations.map((operation, at) => [at, operation] as const);
  const any = fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
  return fc.sample(any, { seed, numRuns: 1 })[0]!;
}

function toInstead(
  { parameters, headers, body }: Drawn,
  known: readonly string[],
  here: (value: unknown) => unknown,
): Instead {
  const chosen = Object.entries(parameters).map(([name, value]) => {
    const text = typeof value === "string" ? value : known[value.known % known.length]!;
    return [name, String(here(text)).toWellFormed()];
  });
  return {
    parameters: Object.fromEntries(chosen),
    headers,
    body: body === undefined ? null : asSent(withKnown(here(body), known)),
  };
}

/** A body with ids that there are, one level deep. */
function withKnown(body: unknown, known: readonly string[]): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const entries = Object.entries(body).map(([name, value]) => [
    name,
    typeof value === "string" ? fromKnown(value, known) : value,
  ]);
  return Object.fromEntries(entries);
}

/** Texts are JSON too. */
function asSent(body: unknown): unknown {
  return typeof body === "string" ? JSON.stringify(body) : body;
}

function learn(answer: Answer, known: string[]): void {
  if (answer.status !== 201 || known.length >= mostKnown) return;
  const { id } = JSON.parse(answer.text) as { readonly id?: unknown };
  if (typeof id === "string") known.push(id);
}

function tell({ method, path, operationId }: Operation, instead: Instead, { status, text }: Answer): string {
  const shown = JSON.stringify({ ...instead.parameters, ...instead.headers });
  return [
    `${operationId}: ${method} ${path} ${shown} ${JSON.stringify(instead.body ?? null).slice(0, 600)}`,
    `    ${status} ${text.slice(0, 300)}`,
  ].join("\n");
}
