import { expect, test } from "bun:test";
import type { FactName } from "../core/facts.ts";
import { needsCounting } from "./facts.ts";

test.each<[readonly (readonly FactName[])[], boolean]>([
  [[], false],
  [[["request.bytes"], ["request.model", "app.env"]], false],
  [[["request.bytes"], ["request.estimated_tokens"]], true],
  [[["request.estimated_cost_usd"]], true],
  [[["request.input_usd_per_million"]], true],
])("with policies that read %j, tokens are counted: %p", (reads, counted) => {
  expect(needsCounting(reads.map((names) => ({ reads: names })))).toBe(counted);
});
