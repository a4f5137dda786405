import { expect, test } from "bun:test";
import { defaultEchoSettings, overrideSettings } from "./settings.ts";

test("a header is pairs or JSON, and changes only what it names", () => {
  const expected = { ...defaultEchoSettings, tool: "f", latencyMs: 20, chunks: 3, fault: "status:429" };
  const base = { ...defaultEchoSettings, tool: "f" };
  expect(overrideSettings(base, "latency_ms=20, chunks = 3; fault=status:429")).toEqual(expected);
  expect(overrideSettings(base, '{"latency_ms":20,"chunks":3,"fault":"status:429"}')).toEqual(expected);
  expect(overrideSettings(base, " ")).toEqual(base);
});

test("what it does not know it refuses by name", () => {
  const cases = [
    ["latency=1", "'latency' is unknown; known are latency_ms, tokens, chunks, chunk_ms, fault and tool"],
    ["tokens=many", "tokens must be a whole number up to 999999, not 'many'"],
    ["tokens=-1", "tokens must be a whole number"],
    ["fault=fire", "fault 'fire' is unknown"],
    ["fault=status:200", "fault 'status:200' is unknown"],
    ["{", "not valid JSON"],
  ] as const;
  for (const [header, message] of cases) expect(() => overrideSettings(defaultEchoSettings, header)).toThrow(message);
});
