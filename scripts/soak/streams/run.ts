import type { StreamEvent, StreamInspector, StreamVerdict } from "../../../src/core/stream.ts";
import type { JsonObject, WireFormat } from "../../../src/core/wire.ts";
import { SluiceError } from "../../../src/errors.ts";
import { wireFormats } from "../../../src/providers/formats.ts";
import { EventTooLarge } from "../../../src/providers/framing.ts";
import { cut, mutate, type Random, randomFrom } from "./mutate.ts";
import { pathOf, type Seeds, seedsOf } from "./seeds.ts";

/** How much is tried. */
export interface StreamsPlan {
  readonly seed: number;
  /** Mutated streams, answers and requests of each surface. */
  readonly cases: number;
  readonly surfaces?: readonly string[];
  readonly progress?: (line: string) => void;
}

/** What went wrong, with what makes it happen again. */
export interface StreamsFailure {
  readonly surface: string;
  readonly case: number;
  readonly problem: string;
}

/** Most work that a case may be, in milliseconds of the processor: how busy the machine is does not matter. */
const longest = 1_000;
/** Beyond what came in: what is written of our own. */
const mostAdded = 64 * 1024;

/** Feeds mutated streams, answers and requests of every surface to whatever reads them. */
export async function runStreams({ seed, cases, surfaces, progress }: StreamsPlan) {
  const failures: StreamsFailure[] = [];
  const heap: number[] = [];
  for (const format of wireFormats) {
    if (surfaces !== undefined && !surfaces.includes(format.surface)) continue;
    const seeds = await seedsOf(format.surface);
    let slowest = 0;
    for (let i = 0; i < cases; i += 1) {
      const random = randomFrom(seed + i * 7919);
      const from = process.cpuUsage();
      try {
        runCase(format, seeds, random);
      } catch (error) {
        const problem =
          error instanceof Error
            ? `${error.name}: ${error.message} ${error.stack?.split("\n")[1] ?? ""}`
            : String(error);
        failures.push({ surface: format.surface, case: i, problem });
      }
      const { user, system } = process.cpuUsage(from);
      const ms = (user + system) / 1000;
      slowest = Math.max(slowest, ms);
      if (ms > longest) failures.push({ surface: format.surface, case: i, problem: `took ${ms.toFixed(0)} ms` });
    }
    Bun.gc(true);
    heap.push(process.memoryUsage().rss / 2 ** 20);
    progress?.(
      `${format.surface}: ${cases} cases, slowest ${slowest.toFixed(0)} ms, ${heap.at(-1)!.toFixed(0)} MB resident`,
    );
  }
  return { failures, residentMb: heap };
}

function runCase(format: WireFormat, { streams, answers, requests }: Seeds, random: Random): void {
  const kind = streams.length === 0 ? 3 + random.below(2) : random.below(5);
  if (kind < 3) {
    const bytes = mutate(random.pick(streams), streams, random);
    if (kind === 0) plain(format, bytes, random);
    else relayed(format, bytes, random, kind === 1 ? undefined : new Whimsical(random));
  } else if (kind === 3) answer(format, mutate(random.pick(answers), answers, random), random);
  else request(format, mutate(random.pick(requests), requests, random));
}

/** Where nobody changes anything, the client gets the very bytes. */
function plain(format: WireFormat, bytes: Uint8Array, random: Random): void {
  const relay = format.openStream();
  const out: Uint8Array[] = [];
  for (const chunk of cut(bytes, random)) out.push(relay.write(chunk)?.slice() ?? new Uint8Array(0));
  out.push(relay.end() ?? new Uint8Array(0));
  if (!Buffer.concat(out).equals(bytes)) throw new Error("the bytes differ");
  tell(relay.summary());
}

function relayed(format: WireFormat, bytes: Uint8Array, random: Random, inspector: StreamInspector | undefined): void {
  const relay = format.openStream({
    withholdUsage: random.below(2) === 0,
    ...(inspector && { inspector }),
    tellUsage: true,
  });
  let size = 0;
  try {
    for (const chunk of cut(bytes, random)) size += relay.write(chunk)?.length ?? 0;
  } catch (error) {
    if (!(error instanceof EventTooLarge)) throw error;
  }
  size += relay.end()?.length ?? 0;
  // Each event may come back with the head that all have in common.
  if (size > bytes.length * 30 + mostAdded) throw new Error(`${bytes.length} bytes became ${size}`);
  if (relay.ended && relay.write(bytes) !== null) throw new Error("something goes out after the end");
  tell(relay.summary());
}

function tell({ text, usage }: { readonly text: string; readonly usage: object | null }): void {
  if (typeof text !== "string") throw new Error("no text");
  for (const value of Object.values(usage ?? {})) {
    if (value !== null && typeof value !== "object" && !(Number.isFinite(value) && value >= 0))
      throw new Error(`a count is ${value}`);
  }
}

function answer(format: WireFormat, bytes: Uint8Array, random: Random): void {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return;
  tell(format.readAnswer(body as JsonObject));
  const editor = format.editAnswer?.(body as JsonObject);
  if (editor === undefined) return;
  const texts = editor.pieces.map(({ kind, text }) =>
    kind.startsWith("tool") && random.below(3) === 0 ? null : random.below(2) === 0 ? text : "{}",
  );
  JSON.parse(editor.write(texts));
}

function request(format: WireFormat, bytes: Uint8Array): void {
  try {
    const url = `http://localhost${pathOf[format.surface] ?? format.paths[0]}`;
    const view = format.readRequest(bytes, url);
    view.parts();
    view.roles();
    view.toolNames();
    view.characters();
    view.imageCount();
    format.writeRequest(view, {
      model: "other",
      askForUsage: true,
      modifications: [{ op: "cap", path: "max_tokens", value: 5 }],
    });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
  }
}

/** Decides at random, within what an inspector may do. */
class Whimsical implements StreamInspector {
  readonly #random: Random;
  readonly #taken = new Set<string>();
  readonly #known = new Set<string>();
  #held = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  see(): void {}

  inspect(event: StreamEvent, last: boolean): StreamVerdict {
    const random = this.#random;
    const whim = random.below(100);
    if (whim < 15 && !last && this.#held < 50) {
      this.#held += 1;
      return "hold";
    }
    const channel = event.pieces.find(({ kind }) => kind === "text");
    const before = channel !== undefined && random.below(4) === 0 ? [{ ...channel, text: "ü added" }] : [];
    if (whim > 98) {
      const usage = {
        promptTokens: 1,
        completionTokens: 2,
        totalTokens: 3,
        cachedTokens: null,
        cacheWriteTokens: null,
        reasoningTokens: null,
      };
      const refusal = { status: 403, code: "no", message: "no" };
      return { before, end: { reason: random.pick(["length", "content_filter"] as const), refusal, usage } };
    }
    if (whim < 50) return null;
    const texts = event.pieces.map(({ choice, kind, tool, text }) => {
      if (!kind.startsWith("tool")) return random.pick([text, "", "other\n\u2028"]);
      const key = `${choice} ${tool}`;
      if (!this.#known.has(key) && random.below(3) === 0) this.#taken.add(key);
      this.#known.add(key);
      return this.#taken.has(key) ? null : text;
    });
    return { before, texts };
  }

  finish() {
    const { below } = this.#random;
    return below(2) === 0 ? null : { before: [{ choice: 0, kind: "text" as const, tool: "", text: "the rest" }] };
  }
}
