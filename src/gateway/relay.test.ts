import { expect, test } from "bun:test";
import type { ByteSource } from "../core/ports.ts";
import type { StreamRelay } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { relayStream, type StreamEnd } from "./relay.ts";

/** What becomes of a stream that is read and carried like this. */
async function relayed(
  relay: Partial<StreamRelay>,
  read: () => Promise<{ done: boolean; value?: Uint8Array }> = async () => ({ done: false, value: Buffer.from("x") }),
) {
  const whole: StreamRelay = {
    ended: false,
    holding: false,
    complete: false,
    error: "",
    write: (chunk) => chunk,
    end: () => null,
    resume: () => null,
    summary: () => ({ usage: null, finishReason: "", model: "", text: "" }),
    ...relay,
  };
  const ends: StreamEnd[] = [];
  const failures: string[] = [];
  let aborted = 0;
  const provider = {
    provider: "p",
    reading: () => undefined,
    arrived: () => undefined,
    done: () => undefined,
    abort: () => {
      aborted += 1;
    },
    failure: (cause: unknown) => new SluiceError("upstream_interrupted", { provider: "p" }, { cause }),
  };
  const stream = relayStream({ read, cancel: async () => undefined } as ByteSource, whole, provider, {
    firstByte: () => undefined,
    waiting: () => null,
    ended: (how) => void ends.push(how),
    failed: (error) => void failures.push((error as Error).name),
    leaks: () => false,
    interruption: ({ code }) => code,
  });
  return { text: await new Response(stream).text(), ends, failures, aborted };
}

const fails = () => JSON.parse("{");
const ended = { text: "upstream_interrupted", ends: ["interrupted"], aborted: 1 };

test("a stream that can be neither carried on nor ended in order is ended all the same, once", async () => {
  expect(await relayed({ write: fails, end: fails })).toMatchObject({ ...ended, failures: ["SyntaxError"] });
});

test("a connection that breaks is told apart from what cannot be carried on", async () => {
  const read = () => Promise.reject(new Error("reset"));
  expect(await relayed({}, read)).toEqual({ ...ended, ends: ["interrupted"], failures: [] });
});
