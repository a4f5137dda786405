import { expect } from "bun:test";
import { until } from "./e2e-harness.ts";

/** The word that the provider goes on with. */
const further = " more";

/** The word and the tool that the policies below end an answer for. */
export const trigger = "forbidden";

/** How the last call to a provider that goes on until its connection is closed came to its end. */
interface Seen {
  /** What the gateway read of the answer before the last time, and then. */
  earlier: string;
  last: string;
  /** Turns of the event loop from when it read that to when it gave the call up. */
  turns: number;
  /** When its connection was closed at the provider, and that of the other call; 0 before. */
  closed: number;
  otherClosed: number;
}

/** How it answers a call. */
export interface Endless {
  readonly events: Iterator<string>;
  /** `text/event-stream` when absent. */
  readonly type?: string;
}

/** A provider whose answers go on until its connection is closed: only a gateway that ends them lets a call end. */
export interface EndlessProvider extends Disposable {
  readonly url: string;
  /**
   * What the gateway is to call it with. Beside each call it makes another one of its own, and gives that up at the same
   * moment: it shows how long it takes just then until a connection is seen to be closed.
   */
  readonly fetch: typeof fetch;
  readonly seen: Readonly<Seen>;
}

const otherPath = "/other";

export function serveEndless(answer: (path: string, query: string, asked: string) => Endless): EndlessProvider {
  let seen: Seen = { earlier: "", last: "", turns: 0, closed: 0, otherClosed: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const call = seen;
      if (pathname === otherPath) {
        request.signal.addEventListener("abort", () => {
          call.otherClosed = performance.now();
        });
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(" ")) }));
      }
      const { events, type = "text/event-stream" } = answer(pathname, search, await request.text());
      let open = true;
      request.signal.addEventListener("abort", () => {
        open = false;
        call.closed = performance.now();
      });
      const stream = new ReadableStream<Uint8Array>({
        async pull(controller) {
          // A turn of the event loop for each event, so that they come one by one.
          await new Promise(setImmediate);
          if (!open) return;
          const { value, done } = events.next();
          if (done) return controller.close();
          controller.enqueue(Buffer.from(value));
        },
      });
      return new Response(stream, { headers: { "content-type": type } });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;

  async function watched(input: string, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response> {
    const call: Seen = { earlier: "", last: "", turns: 0, closed: 0, otherClosed: 0 };
    seen = call;
    const other = new AbortController();
    await fetch(url + otherPath, { signal: other.signal });
    let given = false;
    init.signal.addEventListener("abort", () => {
      given = true;
      other.abort();
    });
    const response = await fetch(input, init);
    const count = () => {
      if (given) return;
      call.turns += 1;
      setImmediate(count);
    };
    let counting = false;
    readBy(response, (text) => {
      call.earlier += call.last;
      call.last = text;
      call.turns = 0;
      if (!counting) setImmediate(count);
      counting = true;
    });
    return response;
  }

  return {
    url,
    fetch: watched as typeof fetch,
    get seen() {
      return seen;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Tells what is read of an answer, when it is read. */
function readBy({ body }: Response, take: (text: string) => void): void {
  const reader = body!.getReader();
  const read = reader.read.bind(reader);
  reader.read = async () => {
    const chunk = await read();
    if (chunk.value !== undefined) take(Buffer.from(chunk.value).toString());
    return chunk;
  };
  Object.defineProperty(body, "getReader", { value: () => reader });
}

/**
 * Shows that an answer is given up by the first bytes that give a reason to, in the turn of the event loop in which they are
 * read, and that its connection is closed then: within 100 ms of another one's that is given up at the same moment. So nothing
 * is measured of what else the machine has to do.
 *
 * @param isReason whether what was read so far has one
 */
export async function expectClosed(provider: EndlessProvider, isReason: (read: string) => boolean): Promise<void> {
  await until(() => provider.seen.closed > 0 && provider.seen.otherClosed > 0);
  const { earlier, last, turns, closed, otherClosed } = provider.seen;
  expect({ early: isReason(earlier), now: isReason(earlier + last), turns }).toEqual({
    early: false,
    now: true,
    turns: 0,
  });
  expect(closed - otherClosed).toBeLessThan(100);
}

/** Whether a word is in what was read. */
export function has(word: string): (read: string) => boolean {
  return (read) => read.includes(word);
}

/** Whether there was no room for all words that were read, by what the client got of them. */
export function exceeds(text: string): (read: string) => boolean {
  const words = (of: string) => of.split(further).length - 1;
  return (read) => words(read) > words(text);
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
