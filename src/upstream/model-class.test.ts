import { describe, expect, test } from "bun:test";
import { classOf, thinksLong } from "./model-class.ts";
import { upstreamSettings } from "./settings.ts";
import { upstreamConfig } from "./testing.ts";

describe("a model that may think for minutes is known by its name", () => {
  test.each([
    ..."o1 o3-mini o4-mini-2025-04-16 gpt-5 gpt-5.2-pro deepseek-reasoner openai/gpt-oss-120b".split(" "),
    ..."magistral-medium-2506 grok-4 gemini-2.5-pro gemini-3-pro-preview deepseek/deepseek-r1 qwen3-235b-thinking".split(
      " ",
    ),
  ])("%s", (name) => {
    expect(thinksLong(name)).toBe(true);
  });

  test.each(
    "gpt-4o gpt-4.1-mini gpt-5-chat-latest claude-opus-4-5 gemini-2.0-flash mistral-large command-r deepseek-chat echo".split(
      " ",
    ),
  )("%s does not", (name) => {
    expect(thinksLong(name)).toBe(false);
  });
});

test("what computes and does not write is quick, whatever the model", () => {
  expect(classOf("embeddings", false)).toBe("quick");
  expect(classOf("count_tokens", true)).toBe("quick");
  expect(classOf("chat", true)).toBe("reasoning");
  expect(classOf("messages", false)).toBe("chat");
});

describe("time-outs", () => {
  test("are as long as what is asked for may take", () => {
    const { firstByteMs, idleMs } = upstreamSettings(upstreamConfig());
    expect(firstByteMs).toEqual({
      quick: { stream: 60_000, whole: 60_000 },
      chat: { stream: 120_000, whole: 600_000 },
      reasoning: { stream: 1_200_000, whole: 1_200_000 },
    });
    expect(idleMs).toEqual({ quick: 300_000, chat: 300_000, reasoning: 900_000 });
  });

  test("are never longer than the one for all", () => {
    const { firstByteMs } = upstreamSettings(upstreamConfig({ first_byte_timeout_seconds: 90 }));
    expect(firstByteMs.quick.whole).toBe(60_000);
    expect(firstByteMs.chat).toEqual({ stream: 90_000, whole: 90_000 });
    expect(firstByteMs.reasoning.stream).toBe(90_000);
  });

  test("of a provider's own are for whatever it serves", () => {
    const own = { first_byte_timeout_seconds: 1800, idle_timeout_seconds: 7, retries: 0, max_in_flight: 3 };
    const settings = upstreamSettings(upstreamConfig(), own);
    expect(settings.firstByteMs.chat).toEqual({ stream: 1_800_000, whole: 1_800_000 });
    expect(settings.firstByteMs.quick.whole).toBe(1_800_000);
    expect(settings.idleMs.reasoning).toBe(7000);
    expect(settings).toMatchObject({ retries: 0, maxInFlight: 3, totalMs: 3_600_000 });
  });
});
