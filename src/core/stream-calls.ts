import { type AnswerLog, isEnforced } from "./answer-log.ts";
import type { Finding } from "./decision.ts";
import type { CallGuard, CompiledPolicy } from "./policy.ts";
import type { Channel, Piece, StreamEvent } from "./stream.ts";
import type { TextGuards } from "./stream-text.ts";

/** Most characters of a call's arguments that are held back to be judged whole. */
const maxArguments = 1024 * 1024;

const tooLong = "the arguments of a call are too long";

const namedAgain = "a call was given another name after its first one";

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
  /**
   * Whether another name came for it. Some clients take the last one, others join them all: which tool is called cannot be
   * said, so it cannot be judged.
   */
  renamed: boolean;
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
      if (piece.kind === "tool_name") {
        if (call.name !== "" && piece.text !== "" && piece.text !== call.name) call.renamed = true;
        call.name = piece.text || call.name;
      } else if (call.judged === "wait" && call.arguments.length <= maxArguments) call.arguments += piece.text;
    }
    if (closes === "all") for (const call of this.#calls.values()) call.whole = true;
    else for (const channel of closes) if (isTool(channel)) this.#call(channel).whole = true;
  }

  /**
   * What becomes of the call that a piece belongs to.
   *
   * @param last whether it cannot wait: a call whose arguments never came whole is taken out, unless what is looked for in
   *   them would only be noted
   */
  judge(piece: Piece, last: boolean): JudgedCall {
    const call = this.#call(piece);
    if (call.renamed) {
      call.renamed = false;
      const finding = call.judged === taken ? null : this.#unnamed();
      if (finding !== null) call.judged = { does: "deny", finding };
    }
    if (call.judged !== "wait") return call.judged;
    call.judged = this.#judge(call, last);
    if (call.judged !== "wait") call.arguments = "";
    return call.judged;
  }

  #call({ choice, tool }: Channel): SeenCall {
    const key = `${choice} ${tool}`;
    let call = this.#calls.get(key);
    if (call === undefined) {
      call = { name: "", renamed: false, arguments: "", whole: false, judged: "wait" };
      this.#calls.set(key, call);
    }
    return call;
  }

  /** A call of which nobody can say what it is a call of: whoever judges calls by their names fails. */
  #unnamed(): Finding | null {
    const findings = this.#guards.map(({ policy }) => this.#log.error(policy, new Error(namedAgain), namedAgain));
    return findings.find(({ effect }) => effect === "deny") ?? this.#texts.unread("tool_name", namedAgain);
  }

  #judge(call: SeenCall, last: boolean): JudgedCall {
    const { name, whole } = call;
    const unbounded = call.arguments.length > maxArguments;
    let waits = false;
    let enforced = false;
    let given = call.arguments;
    let strip = false;
    for (const { policy, guard } of this.#guards) {
      try {
        const needsArguments = guard.needsArguments(name);
        if (needsArguments && unbounded) {
          const finding = this.#log.error(policy, new Error(tooLong), tooLong);
          if (finding.effect === "deny") return { does: "deny", finding };
          continue;
        }
        if (needsArguments && !whole) {
          waits = true;
          enforced ||= policy.mode === "enforce";
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
    if (waits || (this.#scansArguments && !whole && !unbounded)) {
      if (!last) return "wait";
      enforced ||= given !== call.arguments || this.#texts.enforces("tool_name", "tool_arguments");
      return enforced ? taken : stands;
    }
    if (unbounded && this.#scansArguments) {
      const finding = this.#texts.unread("tool_arguments", tooLong);
      return finding === null ? stands : { does: "deny", finding };
    }
    return this.#scan(call, given);
  }

  /** Looks for what is looked for in texts in the name and in the values of the arguments, each with the key before it. */
  #scan(call: SeenCall, given: string): JudgedCall {
    const channel = { choice: 0, tool: "" } as const;
    const called = this.#texts.whole({ ...channel, kind: "tool_name" }, call.name);
    const written = this.#texts.wholeJson({ ...channel, kind: "tool_arguments" }, given);
    const finding = called.denied ?? written.denied;
    if (finding !== undefined) return { does: "deny", finding };
    return written.out === call.arguments ? stands : { does: "rewrite", arguments: written.out };
  }
}

function isTool({ kind }: Channel): boolean {
  return kind === "tool_name" || kind === "tool_arguments";
}
