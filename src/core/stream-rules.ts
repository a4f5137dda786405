import type { AnswerLog } from "./answer-log.ts";
import type { Finding } from "./decision.ts";
import { factCatalogue } from "./facts.ts";
import { type CompiledPolicy, type Content, notApplicable } from "./policy.ts";
import type { Piece, StreamEvent } from "./stream.ts";

/** Longest text that one question is about; a longer one is asked about in parts. */
const maxText = factCatalogue["event.text"].max;

/** A policy with rules of phase stream, and what it was last asked about. */
interface Asked {
  readonly policy: CompiledPolicy;
  /** Whether what it answers depends on nothing but the facts it names, so that equal facts need no second question. */
  readonly pure: boolean;
  readonly readsEvent: boolean;
  readonly readsTokens: boolean;
  readonly readsTime: boolean;
  /** No question yet. */
  fresh: boolean;
  tokens: number;
  elapsed: number;
}

/** Asks the rules of phase stream about the events of one answer. */
export class StreamRules {
  readonly #log: AnswerLog;
  readonly #asked: readonly Asked[];
  readonly #texts: string[] = [];
  readonly #content: Content = { texts: () => this.#texts };

  /** Gives the facts events of their own: those that all requests share are not to be changed. */
  constructor(policies: readonly CompiledPolicy[], log: AnswerLog) {
    this.#log = log;
    log.facts.event = { type: "other", text: "", tool_name: "" };
    log.facts.stream = { output_tokens: 0, elapsed_ms: 0 };
    this.#asked = policies.map((policy) => {
      const reads = (name: string) => policy.reads.some((read) => read === name || read.startsWith(`${name}.`));
      return {
        policy,
        pure: policy.uses === "rules",
        readsEvent: reads("event"),
        readsTokens: reads("stream.output_tokens"),
        readsTime: reads("stream.elapsed_ms"),
        fresh: true,
        tokens: 0,
        elapsed: 0,
      };
    });
  }

  /**
   * Asks about an event. Answers the finding that ends the answer, if one does.
   *
   * @param tokens written so far, this event's included
   * @param elapsedMs since the request arrived
   */
  ask(event: StreamEvent, tokens: number, elapsedMs: number): Finding | null {
    if (this.#asked.length === 0) return null;
    const { facts } = this.#log;
    facts.stream.output_tokens = tokens;
    facts.stream.elapsed_ms = Math.round(elapsedMs);
    const { pieces } = event;
    facts.event.type = typeOf(event);
    const names = pieces.filter(({ kind, text }) => kind === "tool_name" && text !== "");
    if (names.length < 2) return this.#about(names[0]?.text ?? "", textsOf(pieces));
    // Several calls in one event are asked about one by one.
    for (const name of names) {
      facts.event.type = "tool_call";
      const own = pieces.filter((piece) => piece.tool === name.tool && piece.choice === name.choice);
      const denied = this.#about(name.text, textsOf(own));
      if (denied !== null) return denied;
    }
    const rest = pieces.filter(({ tool }) => tool === "");
    if (rest.length === 0) return null;
    facts.event.type = "text";
    return this.#about("", textsOf(rest));
  }

  #about(toolName: string, texts: readonly string[]): Finding | null {
    const { event } = this.#log.facts;
    event.tool_name = toolName;
    this.#texts.length = 0;
    for (const text of texts) this.#texts.push(text);
    const text = texts.length === 1 ? texts[0]! : texts.join("");
    for (let at = 0; at === 0 || at < text.length; at += maxText) {
      event.text = text.length <= maxText ? text : text.slice(at, at + maxText);
      const denied = this.#askAll();
      if (denied !== null) return denied;
    }
    return null;
  }

  #askAll(): Finding | null {
    let denied: Finding | null = null;
    for (const asked of this.#asked) {
      if (!this.#isNews(asked)) continue;
      const finding = this.#ask(asked.policy);
      if (finding !== null) denied ??= finding;
    }
    return denied;
  }

  #isNews(asked: Asked): boolean {
    const { output_tokens: tokens, elapsed_ms: elapsed } = this.#log.facts.stream;
    const news =
      asked.fresh ||
      !asked.pure ||
      asked.readsEvent ||
      (asked.readsTokens && tokens !== asked.tokens) ||
      (asked.readsTime && elapsed !== asked.elapsed);
    asked.fresh = false;
    asked.tokens = tokens;
    asked.elapsed = elapsed;
    return news;
  }

  #ask(policy: CompiledPolicy): Finding | null {
    const log = this.#log;
    let denied: Finding | null = null;
    try {
      const verdict = policy.evaluate.stream!(log.facts, this.#content);
      log.asked(policy, verdict === notApplicable ? "notApplicable" : "decided");
      if (verdict === null || verdict === notApplicable) return null;
      for (const hit of verdict) {
        if (hit.effect === "modify") throw new Error("nothing can be modified in phase stream");
        const finding = log.hit(policy, hit);
        if (finding.effect === "deny") denied ??= finding;
      }
    } catch (error) {
      const finding = log.error(policy, error);
      if (finding.effect === "deny") denied ??= finding;
    }
    return denied;
  }
}

function typeOf({ pieces, closes, tellsUsage }: StreamEvent): "text" | "tool_call" | "usage" | "end" | "other" {
  let said = false;
  for (const { kind } of pieces) {
    if (kind === "tool_name" || kind === "tool_arguments") return "tool_call";
    said = true;
  }
  if (said) return "text";
  if (tellsUsage) return "usage";
  return closes === "all" ? "end" : "other";
}

/** The name of a tool stands for itself. */
function textsOf(pieces: readonly Piece[]): readonly string[] {
  return pieces.filter(({ kind }) => kind !== "tool_name").map(({ text }) => text);
}
