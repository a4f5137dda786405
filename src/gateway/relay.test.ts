import { expect, test } from "bun:test";
import type { StreamRelay } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { relayStream, type StreamEnd } from "./relay.ts";

test("a stream that can be neither carried on nor ended in order is ended all the same, once", async () => {
  const relay: StreamRelay = {
    ended: false,
    holding: false,
    complete: false,
    error: "",
    write: () => JSON.parse("{"),
    end: () => JSON.parse("{"),
    resume: () => null,
    summary: () => ({ usage: null, finishReason: "", model: "", text: "" }),
  };
  const ends: StreamEnd[] = [];
  let aborted = 0;
  const source = { read: async () => ({ done: false, value: Buffer.from("x") }), cancel: async () => undefined };
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
  const stream = relayStream(source, relay, provider, {
    firstByte: () => undefined,
    waiting: () => null,
    ended: (how) => void ends.push(how),
    leaks: () => false,
    interruption: ({ code }) => code,
  });
  expect(await new Response(stream).text()).toBe("upstream_interrupted");
  expect([ends, aborted]).toEqual([["interrupted"], 1]);
});
