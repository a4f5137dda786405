/** The word that the provider goes on with. */
const further = " more";

/** The word and the tool that the policies below end an answer for. */
export const trigger = "forbidden";

/** What a provider that goes on until its connection is closed saw of the last call it got. */
export interface Seen {
  /** When it wrote the event that a rule ends the answer for, and when its connection was closed; 0 before. */
  trigger: number;
  closed: number;
  /** Events written. */
  written: number;
  /** When it wrote each of the words that it goes on with. */
  more: number[];
}

/** How it answers a call. */
export interface Endless {
  readonly events: Iterator<string>;
  /** `text/event-stream` when absent. */
  readonly type?: string;
}

/** A provider whose answers go on until its connection is closed: only a gateway that ends them lets a call end. */
export function serveEndless(answer: (path: string, query: string, asked: string) => Endless) {
  const seen: Seen = { trigger: 0, closed: 0, written: 0, more: [] };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { events, type = "text/event-stream" } = answer(pathname, search, await request.text());
      Object.assign(seen, { trigger: 0, closed: 0, written: 0, more: [] });
      let open = true;
      request.signal.addEventListener("abort", () => {
        open = false;
        seen.closed = performance.now();
      });
      const stream = new ReadableStream<Uint8Array>({
        async pull(controller) {
          // A turn of the event loop for each event, so that they come one by one.
          await new Promise(setImmediate);
          if (!open) return;
          const { value, done } = events.next();
          if (done) return controller.close();
          if (value.includes(trigger) && seen.trigger === 0) seen.trigger = performance.now();
          if (value.includes(further)) seen.more.push(performance.now());
          seen.written += 1;
          controller.enqueue(Buffer.from(value));
        },
      });
      return new Response(stream, { headers: { "content-type": type } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, seen, stop: () => server.stop(true) };
}

/**
 * Milliseconds from when the provider wrote the word that there was no room for to when its connection was closed.
 *
 * @param text what the client got: all the words that there was room for
 */
export function overrunMs({ more, closed }: Seen, text: string): number {
  return closed - more[text.split(further).length - 1]!;
}

/**
 * What something takes at least, of up to four tries: the gateway takes that long, and what is more is taken by a machine that
 * has other things to do.
 */
export async function leastMs(first: number, enough: number, again: () => Promise<number>): Promise<number> {
  let least = first;
  for (let tries = 0; tries < 3 && least >= enough; tries += 1) least = Math.min(least, await again());
  return least;
}

/** What the provider says before it goes on: five words, and the one that is not for this gateway if that is asked for. */
export function* wordsFor(asked: string): Generator<string> {
  for (let i = 0; i < 5; i += 1) yield ` word${i}`;
  if (asked.includes("deny")) yield ` ${trigger} and on`;
}

/** A word, a tool and a cap that end answers under way. */
export const endingPolicies = {
  "org/word.policy.yaml": `description: A word and a tool that end an answer.
phase: stream
rules:
  - { id: word, when: 'event.type == "text" && event.text.contains("${trigger}")', then: deny, code: word_found, message: "that word is not for this gateway" }
  - { id: tool, when: 'event.tool_name == "${trigger}"', then: deny, code: tool_blocked, message: "the tool {event.tool_name} is not for this gateway" }
`,
  "org/cap.policy.yaml": `description: No answer writes more than that.
phase: stream
rules:
  - { id: cap, when: 'stream.output_tokens > 60', then: deny, code: output_cap, message: "more than 60 tokens" }
`,
};

/** What a client's SDK made of an answer that was ended. */
export interface EndedAnswer {
  readonly text: string;
  readonly calls: readonly string[];
  readonly finish: string;
  /** Where the protocol has a place for it. */
  readonly reason: string;
  readonly requestId: string | null;
}
