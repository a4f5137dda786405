import { type AnswerLog, isEnforced } from "./answer-log.ts";
import type { Finding } from "./decision.ts";
import type { CompiledPolicy, TextGuard } from "./policy.ts";
import { jsonScanner } from "./scan-json.ts";
import type { Channel, PieceKind, TextMatch, TextScanner } from "./stream.ts";

/** Characters before what is not settled that scanners may look back at. */
const context = 64;
/** Characters that have gone out and are kept before what nobody needs of them is forgotten, so that it happens seldom. */
const remembered = 512;

/** What became of a text. */
export interface FilteredText {
  /** What may go out now. */
  readonly out: string;
  /** The finding that ends the answer after it; absent when nothing does. */
  readonly denied?: Finding;
}

/** A guard with what it found in this answer so far. */
interface Entry {
  readonly policy: CompiledPolicy;
  readonly guard: TextGuard;
  readonly found: Map<string, number>;
  /** Whether what it finds is dealt with, not only noted. Known for certain only once it found something. */
  enforced: boolean;
  checked: boolean;
  broken: boolean;
}

/**
 * What policies look for in the texts of one answer. Of a text that still goes on only so much is held back as a match
 * of an enforced guard may still become: what several guards find in it is dealt with together.
 */
export class TextGuards {
  readonly #log: AnswerLog;
  readonly #entries: readonly Entry[];
  readonly #channels = new Map<string, ChannelText>();
  readonly #kinds: ReadonlySet<PieceKind>;
  #latest: (Channel & { readonly held: ChannelText }) | null = null;

  constructor(policies: readonly CompiledPolicy[], log: AnswerLog) {
    this.#log = log;
    this.#entries = policies.flatMap((policy) =>
      (policy.answer?.texts ?? []).map((guard) => ({
        policy,
        guard,
        found: new Map<string, number>(),
        enforced: guard.action !== "warn" && policy.mode === "enforce",
        checked: false,
        broken: false,
      })),
    );
    this.#kinds = new Set(this.#entries.flatMap(({ guard }) => guard.kinds));
  }

  /** Whether anything is looked for in texts of this kind. */
  guards(kind: PieceKind): boolean {
    return this.#kinds.has(kind);
  }

  /** Whether anything that is found in texts of these kinds may be dealt with, and is not only noted. */
  enforces(...kinds: readonly PieceKind[]): boolean {
    return this.#entries.some(({ guard, enforced }) => enforced && kinds.some((kind) => guard.kinds.includes(kind)));
  }

  /** Takes the next piece of a channel's text. */
  push(channel: Channel, text: string, last: boolean): FilteredText {
    const { choice, kind, tool } = channel;
    const latest = this.#latest;
    // Nearly always the same as before.
    if (latest !== null && !last && latest.choice === choice && latest.kind === kind && latest.tool === tool) {
      return latest.held.push(text, false, this.#log);
    }
    const key = `${choice} ${kind} ${tool}`;
    let held = this.#channels.get(key);
    if (held === undefined) {
      held = new ChannelText(this.#entries.filter(({ guard }) => guard.kinds.includes(kind)));
      this.#channels.set(key, held);
    }
    this.#latest = last ? null : { choice, kind, tool, held };
    if (last) this.#channels.delete(key);
    return held.push(text, last, this.#log);
  }

  /** The channels of which something is held back. */
  get holding(): readonly Channel[] {
    return [...this.#channels].flatMap(([key, { held }]) => {
      const [choice, kind, ...tool] = key.split(" ");
      return held > 0 ? [{ choice: Number(choice), kind: kind as PieceKind, tool: tool.join(" ") }] : [];
    });
  }

  /** Looks through a text that is whole. */
  whole(channel: Channel, text: string): FilteredText {
    const entries = this.#entries.filter(({ guard }) => guard.kinds.includes(channel.kind));
    return new ChannelText(entries).push(text, true, this.#log);
  }

  /** Looks through a text that is whole and may be JSON: through every string and number, with the key it belongs to. */
  wholeJson(channel: Channel, text: string): FilteredText {
    const entries = this.#entries.filter(({ guard }) => guard.kinds.includes(channel.kind));
    return new ChannelText(entries, jsonScanner).push(text, true, this.#log);
  }

  /** Notes that a text of this kind is not looked through. Answers the finding that ends the answer for it, if any. */
  unread(kind: PieceKind, message: string): Finding | null {
    let denied: Finding | null = null;
    for (const { policy, guard } of this.#entries) {
      if (!guard.kinds.includes(kind)) continue;
      const finding = this.#log.error(policy, new Error(message), message);
      if (finding.effect === "deny") denied ??= finding;
    }
    return denied;
  }

  /** The answer is over: notes what was found. */
  conclude(): void {
    for (const { policy, guard, found, broken } of this.#entries) {
      if (found.size === 0 || broken) continue;
      try {
        this.#log.hit(policy, guard.hit(found));
      } catch (error) {
        this.#log.error(policy, error);
      }
    }
  }
}

/** A stretch of text with what goes out in its place. */
interface Region {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** The text of one channel from a little before what has not gone out. */
class ChannelText {
  readonly #entries: readonly Entry[];
  /** By guard. */
  readonly #scanners: readonly TextScanner[];
  /** Up to where the text is settled, by guard. */
  readonly #settled: number[];
  #buffer = "";
  /** How much of the buffer has gone out. */
  #sent = 0;
  #regions: readonly Region[] = [];

  constructor(entries: readonly Entry[], reading: (scanner: TextScanner) => TextScanner = (scanner) => scanner) {
    this.#entries = entries;
    this.#scanners = entries.map(({ guard }) => reading(guard.scanner));
    this.#settled = entries.map(() => 0);
  }

  get held(): number {
    return this.#buffer.length - this.#sent;
  }

  push(text: string, last: boolean, log: AnswerLog): FilteredText {
    if (this.#entries.length === 0) return { out: text };
    this.#buffer += text;
    let regions = this.#regions;
    let safe = this.#buffer.length;
    let deniedAt = Number.POSITIVE_INFINITY;
    let denied: Entry | undefined;
    for (let i = 0; i < this.#entries.length; i += 1) {
      const entry = this.#entries[i]!;
      if (entry.broken) continue;
      try {
        for (const match of this.#scan(i, last)) {
          if (!this.#counts(entry, match, log)) continue;
          if (entry.guard.action === "redact") regions = [...regions, match];
          else if (match.start < deniedAt) {
            deniedAt = match.start;
            denied = entry;
          }
        }
        if (entry.enforced) safe = Math.min(safe, this.#settled[i]!);
      } catch (error) {
        entry.broken = true;
        const finding = log.error(entry.policy, error);
        if (finding.effect === "deny") return { out: this.#take(Math.min(safe, this.#sent), regions), denied: finding };
      }
    }
    if (denied === undefined) return { out: this.#take(safe, regions) };
    const finding = log.hit(denied.policy, denied.guard.hit(denied.found));
    denied.broken = true;
    return { out: this.#take(Math.min(safe, deniedAt), regions), denied: finding };
  }

  /** The matches of one guard that are certain. */
  #scan(i: number, last: boolean): readonly TextMatch[] {
    const scanner = this.#scanners[i]!;
    const from = this.#settled[i]!;
    const { length } = this.#buffer;
    const { matches, settled } = scanner.scan(this.#buffer, from, last);
    this.#settled[i] = last ? length : Math.min(length, Math.max(from, settled, length - scanner.maxHeld));
    return last || matches.length === 0 ? matches : matches.filter(({ end }) => end <= this.#settled[i]!);
  }

  /** Counts a match; answers whether it is dealt with. */
  #counts(entry: Entry, { type }: TextMatch, log: AnswerLog): boolean {
    const { found, policy, guard } = entry;
    found.set(type, (found.get(type) ?? 0) + 1);
    if (!entry.checked && entry.enforced) entry.enforced = isEnforced(policy, guard.hit(found), log.facts);
    entry.checked = true;
    return entry.enforced;
  }

  /** What goes out up to a place. A stretch to be replaced goes out whole or waits whole; so do both halves of a character. */
  #take(limit: number, found: readonly Region[]): string {
    const regions = united(found);
    let end = limit;
    for (const region of regions) if (region.start < end && region.end > end) end = region.start;
    if (end < this.#buffer.length && isHighSurrogate(this.#buffer.charCodeAt(end - 1))) end -= 1;
    end = Math.max(end, this.#sent);
    let out = "";
    let at = this.#sent;
    for (const { start, end: until, replacement } of regions) {
      if (until > end) break;
      if (until <= at) continue;
      out += this.#buffer.slice(at, Math.max(at, start)) + replacement;
      at = until;
    }
    out += this.#buffer.slice(at, end);
    this.#sent = end;
    this.#forget(regions);
    return out;
  }

  #forget(regions: readonly Region[]): void {
    const cut = this.#sent > remembered ? Math.max(0, this.#seen() - context) : 0;
    if (regions.length > 0) {
      this.#regions = regions
        .filter(({ end }) => end > this.#sent)
        .map(({ start, end, replacement }) => ({ start: start - cut, end: end - cut, replacement }));
    }
    if (cut === 0) return;
    this.#buffer = this.#buffer.slice(cut);
    this.#sent -= cut;
    for (let i = 0; i < this.#settled.length; i += 1) this.#settled[i] = Math.max(0, this.#settled[i]! - cut);
  }

  /** Up to where the text has gone out and holds nothing open, not even for guards that only note what they find. */
  #seen(): number {
    let seen = this.#sent;
    for (let i = 0; i < this.#entries.length; i += 1) {
      if (!this.#entries[i]!.broken) seen = Math.min(seen, this.#settled[i]!);
    }
    return seen;
  }
}

/** Stretches that overlap as one, which is replaced by what the first of them says. */
function united(regions: readonly Region[]): readonly Region[] {
  if (regions.length < 2) return regions;
  const sorted = [...regions].sort((a, b) => a.start - b.start || b.end - a.end);
  const joined: Region[] = [];
  for (const region of sorted) {
    const before = joined.at(-1);
    if (before === undefined || region.start >= before.end) joined.push(region);
    else if (region.end > before.end) joined[joined.length - 1] = { ...before, end: region.end };
  }
  return joined;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
