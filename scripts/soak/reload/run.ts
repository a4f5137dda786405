import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Expected, StampedFolder } from "./edits.ts";
import { type StartedGateway, startGateway } from "./gateway.ts";

/** How long and how hard. */
export interface ReloadPlan {
  /** Edits, each of which is one reload. */
  readonly count: number;
  /** The same seed makes the same edits. */
  readonly seed: number;
  /** Clients that send one request after the other while files are edited. */
  readonly clients: number;
  /** Told now and then how far it is. */
  readonly progress?: (line: string) => void;
}

/** What a run found. Times in milliseconds, memory in bytes. */
export interface ReloadResult {
  readonly edits: number;
  /** Edits with a mistake in them, which change nothing. */
  readonly mistakes: number;
  readonly requests: number;
  /** Requests that failed, or whose answer was no 200. */
  readonly failed: number;
  /** Answers whose codes are not those of the revision they name: judged by two revisions, or by none. */
  readonly mixed: number;
  /** Requests under way while another revision became live. */
  readonly across: number;
  /** What went wrong, the first few. */
  readonly examples: readonly string[];
  /** From the file's being written to an answer under its revision. */
  readonly enforcedP50: number;
  readonly enforcedP99: number;
  readonly enforcedMax: number;
  /** Medians of resident memory after warming up and at the end, and what lies between. */
  readonly memoryBefore: number;
  readonly memoryAfter: number;
  readonly seconds: number;
}

const enforcedWithinMs = 20_000;
/** The echo provider's latency for the clients, so that many requests are under way at any moment. */
const latencyMs = 20;
const samples = 200;

/** Edits the policies of a running gateway under load, and looks at every answer. */
export async function runReloads(plan: ReloadPlan): Promise<ReloadResult> {
  const root = await mkdtemp(join(tmpdir(), "sluice-soak-"));
  const folder = await StampedFolder.create(join(root, "policies"), plan.seed);
  const gateway = await startGateway(folder.dir, join(root, "data"));
  const watching = new Answers(gateway);
  const from = performance.now();
  try {
    let live = watching.expect(await folder.expected());
    const clients = Array.from({ length: plan.clients }, () => watching.keepAsking());
    const times: number[] = [];
    const memory: number[] = [];
    let mistakes = 0;
    for (let i = 0; i < plan.count; i += 1) {
      const { what, expected } = await folder.edit();
      const written = performance.now();
      if (expected === null) {
        mistakes += 1;
        await watching.until(async () => (await watching.health()) === "degraded", `a ${what} to be noticed`);
      } else {
        live = watching.expect(expected);
        await watching.until(
          async () => (await watching.ask(0)) === live.revision,
          `an edit of ${what} to be enforced`,
        );
        times.push(performance.now() - written);
      }
      if (i % Math.max(1, Math.floor(plan.count / samples)) === 0) memory.push(await gateway.memory());
      if (i % 500 === 499)
        plan.progress?.(`${i + 1} edits, ${watching.requests} requests, ${megabytes(memory.at(-1)!)}`);
    }
    watching.stop();
    await Promise.all(clients);
    const { requests, failed, mixed, across, examples } = watching;
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return {
      ...{ edits: plan.count, mistakes, requests, failed, mixed, across, examples },
      ...{ enforcedP50: at(0.5), enforcedP99: at(0.99), enforcedMax: at(1) },
      memoryBefore: median(memory.slice(Math.floor(memory.length * 0.1), Math.ceil(memory.length * 0.2))),
      memoryAfter: median(memory.slice(Math.floor(memory.length * 0.9))),
      seconds: (performance.now() - from) / 1000,
    };
  } finally {
    watching.stop();
    await gateway.stop();
    await rm(root, { recursive: true });
  }
}

/** Sends requests, and holds each answer against the revision that it names. */
class Answers {
  requests = 0;
  failed = 0;
  mixed = 0;
  across = 0;
  readonly examples: string[] = [];
  readonly #gateway: StartedGateway;
  /** Codes by revision: of every state that the folder ever had. */
  readonly #codes = new Map<string, string>();
  #latest = "";
  #stopped = false;

  constructor(gateway: StartedGateway) {
    this.#gateway = gateway;
  }

  expect(expected: Expected): Expected {
    this.#codes.set(expected.revision, expected.codes);
    this.#latest = expected.revision;
    return expected;
  }

  stop(): void {
    this.#stopped = true;
  }

  async keepAsking(): Promise<void> {
    while (!this.#stopped) await this.ask(latencyMs);
  }

  /** Sends a request; answers the revision it was judged by. */
  async ask(latency: number): Promise<string> {
    const before = this.#latest;
    this.requests += 1;
    try {
      const answer = await fetch(`${this.#gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${this.#gateway.key}`,
          "content-type": "application/json",
          "sluice-echo": `latency_ms=${latency}`,
        },
        body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] }),
      });
      const body = await answer.text();
      const revision = answer.headers.get("sluice-revision") ?? "";
      const codes = (answer.headers.get("sluice-warnings") ?? "").split(",").sort().join(",");
      if (this.#latest !== before) this.across += 1;
      if (answer.status !== 200) {
        this.failed += 1;
        this.#note(`${answer.status}: ${body.slice(0, 300)}`);
      } else if (this.#codes.get(revision) !== codes) {
        // A file that has just been written may be live before this program has read the folder itself.
        await this.#known(revision);
        if (this.#codes.get(revision) !== codes) {
          this.mixed += 1;
          this.#note(`${revision} with ${codes} instead of ${this.#codes.get(revision)}`);
        }
      }
      return revision;
    } catch (error) {
      this.failed += 1;
      this.#note(String(error));
      return "";
    }
  }

  async health(): Promise<string> {
    const answer = await fetch(`${this.#gateway.url}/readyz`);
    return ((await answer.json()) as { status: string }).status;
  }

  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const from = performance.now();
    while (!(await condition())) {
      if (performance.now() - from > enforcedWithinMs) throw new Error(`waited in vain for ${what}`);
      await Bun.sleep(2);
    }
  }

  async #known(revision: string): Promise<void> {
    const from = performance.now();
    while (!this.#codes.has(revision) && performance.now() - from < 1_000) await Bun.sleep(1);
  }

  #note(example: string): void {
    if (this.examples.length < 10) this.examples.push(example);
  }
}

/** As people read it. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
