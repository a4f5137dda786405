import { expect, test } from "bun:test";
import fc from "fast-check";
import type { PromptPart } from "../core/wire.ts";
import { imageBound, imageTokens } from "./images.ts";
import { model } from "./testing.ts";

type Image = PromptPart["images"][number];
const at = (detail: Image["detail"], width?: number, height?: number): Image =>
  width === undefined || height === undefined ? { detail } : { detail, width, height };

test.each([
  ["gpt-4o", at("high", 1024, 1024), 765],
  ["gpt-4o", at("high", 2048, 4096), 1105],
  ["gpt-4o", at("low", 4096, 8192), 85],
  ["gpt-4o", at("auto", 128, 64), 255],
  ["gpt-4o", at("high"), 1445],
  ["gpt-4o-mini", at("high", 128, 64), 8500],
  ["gpt-4o-mini", at("low"), 2833],
  ["o3", at("low"), 75],
  ["gpt-4.1-mini", at("high", 1024, 1024), 1659],
  ["gpt-4.1-mini", at("low"), 2489],
  ["claude-sonnet-4-5", at("auto", 1000, 1000), 1334],
  ["claude-sonnet-4-5", at("auto", 8000, 8000), 1600],
  ["claude-opus-4-7", at("auto"), 4784],
  ["some-model", at("auto", 512, 512), 255],
  ["gpt-4o", at("high", -1, 0), 1445],
])("%s charges %j as its vendor documents", (id, image, tokens) => {
  expect(imageTokens(image, model(id, "o200k_base"))).toBe(tokens);
});

test("an unknown size is charged as the largest", () => {
  const sides = fc.integer({ min: 1, max: 20_000 });
  const ids = fc.constantFrom("gpt-4o", "gpt-4o-mini", "gpt-5-nano", "o1", "claude-opus-5", "claude-3-haiku", "other");
  fc.assert(
    fc.property(ids, sides, sides, (id, width, height) => {
      const known = imageTokens(at("high", width, height), model(id, "none"));
      expect(known).toBeLessThanOrEqual(imageTokens(at("high"), model(id, "none")));
      expect(known).toBeLessThanOrEqual(imageBound(at("high", width, height)));
    }),
  );
});
