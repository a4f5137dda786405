import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { assumedMaxOutput, findModel, modelsOf } from "./models.ts";

describe("a model is found", () => {
  test.each([
    // name, provider, encoding, most output, input price
    ["by its id", "gpt-4o", "openai", "o200k_base", 16_384, 2.5],
    ["in any case", "GPT-4o-Mini", "openai", "o200k_base", 16_384, 0.15],
    ["as a dated snapshot", "gpt-4o-mini-2024-07-18", "openai", "o200k_base", 16_384, 0.15],
    ["as a snapshot in the other style", "claude-sonnet-4-5-20250929", "anthropic", "none", 64_000, 3],
    ["as the latest of a model that is listed by snapshot", "claude-3-7-sonnet-latest", "anthropic", "none", 64_000, 3],
    ["by its name at another host", "groq/openai/gpt-oss-20b", "groq", "o200k_base", 32_768, 0.075],
    ["by the GPT-4o family", "gpt-4o-some-preview", "openai", "o200k_base", assumedMaxOutput, undefined],
    ["by the GPT-4 family", "gpt-4-0613", "openai", "cl100k_base", assumedMaxOutput, undefined],
    ["by the GPT-3.5 family", "gpt-3.5-turbo-0125", "openai", "cl100k_base", assumedMaxOutput, undefined],
    ["as an unknown GPT", "gpt-9", "openai", "o200k_base", assumedMaxOutput, undefined],
    ["as an unknown o-series model", "o7-mini", "openai", "o200k_base", assumedMaxOutput, undefined],
    [
      "as a fine-tuned model, whose price is not its base's",
      "ft:gpt-4o-mini:org::id",
      "openai",
      "o200k_base",
      assumedMaxOutput,
      undefined,
    ],
    ["as an unknown Claude", "claude-saga-9", "anthropic", "none", assumedMaxOutput, undefined],
    [
      "with an assumed maximum where the vendor's is unknown",
      "claude-opus-5",
      "anthropic",
      "none",
      assumedMaxOutput,
      5,
    ],
  ])("%s: %s", (_how, name, provider, encoding, maxOutput, input) => {
    const model = findModel(name);
    expect(model).toMatchObject({ provider, encoding, maxOutput });
    expect(model?.price?.input).toBe(input as never);
  });

  test("with the date of its price", () => {
    expect(findModel("gpt-4o")?.price?.date).toBe("2026-05-18");
  });

  test("or not at all, when its family is not known", () => {
    expect(findModel("llama-of-my-own")).toBeNull();
    expect(findModel("")).toBeNull();
  });

  test("whatever the name, without a throw", () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect([null, "string"]).toContain(findModel(name) === null ? null : "string");
      }),
    );
  });
});

test("the simulated provider's model costs nothing, and says so", () => {
  expect(findModel("echo")).toMatchObject({ provider: "echo", price: { input: 0, output: 0 } });
});

test("a provider's models are those that answer chats", () => {
  const ids = modelsOf("openai").map((model) => model.id);
  expect(ids).toContain("gpt-4o");
  expect(ids).not.toContain("text-embedding-3-small");
  expect(modelsOf("nobody")).toEqual([]);
});
