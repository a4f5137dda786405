import { type AnswerLog, isEnforced } from "./answer-log.ts";
import type { Finding } from "./decision.ts";
import type { CallGuard, CompiledPolicy } from "./policy.ts";
import type { Channel, Piece, StreamEvent } from "./stream.ts";
import type { TextGuards } from "./stream-text.ts";
import type { Json, JsonObject } from "./wire.ts";

/** Most characters of a call's arguments that are held back to be judged whole. */
const maxArguments = 1024 * 1024;

/** What becomes of a call: `"wait"` until its arguments are whole. */
export type JudgedCall =
  | "wait"
  | { readonly does: "stand" }
  | { readonly does: "strip" }
  | { readonly does: "deny"; readonly finding: Finding }
  | { readonly does: "rewrite"; readonly arguments: string };

/** A call as far as it was seen. */
interface SeenCall {
  name: string;
  arguments: string;
  whole: boolean;
  judged: JudgedCall;
}

const stands: JudgedCall = Object.freeze({ does: "stand" });
const taken: JudgedCall = Object.freeze({ does: "strip" });

/** What policies say of the calls of tools in one answer. */
export class CallGuards {
  readonly #log: AnswerLog;
  readonly #texts: TextGuards;
  readonly #guards: readonly { readonly policy: CompiledPolicy; readonly guard: CallGuard }[];
  readonly #scansArguments: boolean;
  readonly #calls = new Map<string, SeenCall>();

  /** @param texts what is looked for in texts, which arguments can be */
  constructor(policies: readonly CompiledPolicy[], texts: TextGuards, log: AnswerLog) {
    this.#log = log;
    this.#texts = texts;
    this.#guards = policies.flatMap((policy) =>
      policy.answer?.calls === undefined ? [] : [{ policy, guard: policy.answer.calls }],
    );
    this.#scansArguments = texts.guards("tool_arguments");
  }

  /** Whether calls are looked at at all. */
  get any(): boolean {
    return this.#guards.length > 0 || this.#scansArguments || this.#texts.guards("tool_name");
  }

  /** Takes note of an event's part of the calls. */
  see({ pieces, closes }: StreamEvent): void {
    for (const piece of pieces) {
      if (piece.kind !== "tool_name" && piece.kind !== "tool_arguments") continue;
      const call = this.#call(piece);
      if (piece.kind === "tool_name") call.name = piece.text || call.name;
      else if (call.judged === "wait" && call.arguments.length <= maxArguments) call.arguments += piece.text;
    }
    if (closes === "all") for (const call of this.#calls.values()) call.whole = true;
    else for (const channel of closes) if (isTool(channel)) this.#call(channel).whole = true;
  }

  /**
   * What becomes of the call that a piece belongs to.
   *
   * @param last whether it cannot wait: a call whose arguments never came whole is taken out
   */
  judge(piece: Piece, last: boolean): JudgedCall {
    const call = this.#call(piece);
    if (call.judged !== "wait") return call.judged;
    call.judged = this.#judge(call, last);
    if (call.judged !== "wait") call.arguments = "";
    return call.judged;
  }

  #call({ choice, tool }: Channel): SeenCall {
    const key = `${choice} ${tool}`;
    let call = this.#calls.get(key);
    if (call === undefined) {
      call = { name: "", arguments: "", whole: false, judged: "wait" };
      this.#calls.set(key, call);
    }
    return call;
  }

  #judge(call: SeenCall, last: boolean): JudgedCall {
    const { name, whole } = call;
    const unbounded = call.arguments.length > maxArguments;
    let waits = false;
    let given = call.arguments;
    let strip = false;
    for (const { policy, guard } of this.#guards) {
      try {
        const needsArguments = guard.needsArguments(name);
        if (needsArguments && unbounded) {
          const finding = this.#log.error(
            policy,
            new Error("arguments too long"),
            "the arguments of a call are too long",
          );
          if (finding.effect === "deny") return { does: "deny", finding };
          continue;
        }
        if (needsArguments && !whole) {
          waits = true;
          continue;
        }
        const verdict = guard.judge({ name, arguments: needsArguments ? given : "" });
        if (verdict === null) continue;
        const finding = this.#log.hit(policy, verdict.hit);
        if (!isEnforced(policy, verdict.hit, this.#log.facts)) continue;
        if (verdict.then === "deny") return { does: "deny", finding };
        if (verdict.then === "strip") strip = true;
        else given = verdict.then.arguments;
      } catch (error) {
        const finding = this.#log.error(policy, error);
        if (finding.effect === "deny") return { does: "deny", finding };
      }
    }
    if (strip) return taken;
    if (waits || (this.#scansArguments && !whole && !unbounded)) return last ? taken : "wait";
    return this.#scan(call, given);
  }

  /** Looks for what is looked for in texts in the name and in the values of the arguments. */
  #scan(call: SeenCall, given: string): JudgedCall {
    const denied: Finding[] = [];
    const scan = (kind: "tool_name" | "tool_arguments") => (text: string) => {
      const filtered = this.#texts.whole({ choice: 0, kind, tool: "" }, text);
      if (filtered.denied !== undefined) denied.push(filtered.denied);
      return filtered.out;
    };
    if (this.#texts.guards("tool_name")) scan("tool_name")(call.name);
    const written = this.#scansArguments ? scanJson(given, scan("tool_arguments")) : given;
    if (denied.length > 0) return { does: "deny", finding: denied[0]! };
    return written === call.arguments ? stands : { does: "rewrite", arguments: written };
  }
}

function isTool({ kind }: Channel): boolean {
  return kind === "tool_name" || kind === "tool_arguments";
}

/**
 * A text with what `scan` makes of each value and name in it, where it is JSON; else with what it makes of the whole.
 * The very text where nothing changes. Numbers are looked at as text, and become one where they change.
 */
export function scanJson(text: string, scan: (text: string) => string): string {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return scan(text);
  }
  let changed = false;
  const scanned = (part: string) => {
    const now = scan(part);
    if (now !== part) changed = true;
    return now;
  };
  const walk = (part: Json | undefined): Json => {
    if (typeof part === "string") return scanned(part);
    if (typeof part === "number") {
      const written = String(part);
      const now = scanned(written);
      return now === written ? part : now;
    }
    if (Array.isArray(part)) return (part as readonly Json[]).map(walk);
    if (typeof part !== "object" || part === null) return part ?? null;
    const members = Object.entries(part as JsonObject).map(([name, member]) => [scanned(name), walk(member)] as const);
    return Object.fromEntries(members);
  };
  const written = walk(value);
  return changed ? JSON.stringify(written) : text;
}
