import { expect, test } from "bun:test";
import { assemble } from "../assemble.ts";
import { testFixtures } from "../fixtures.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { geminiCountTokens } from "../gemini-count-tokens/format.ts";
import { parseObject } from "../json.ts";
import { CallKeys, takeGeminiDeltas } from "./answer.ts";
import { gemini } from "./format.ts";
import { GeminiFraming } from "./framing.ts";

const none = { takeWhole: () => undefined, takeEvent: () => undefined };
const keys = new CallKeys();

testFixtures([
  {
    apis: ["generateContent", "streamGenerateContent"],
    format: gemini,
    takeWhole: (body, take) => takeGeminiDeltas(body, new CallKeys(), take),
    takeEvent: (body, take) => takeGeminiDeltas(body, keys, take),
    framing: () => new GeminiFraming(),
  },
  { apis: ["countTokens"], format: geminiCountTokens, ...none },
]);

const pieced = fixtures("streamGenerateContent").list.find(({ meta }) => meta.name.includes("partial-function-args"));

test.skipIf(pieced === undefined)("a call whose arguments are streamed in pieces is one call", () => {
  const framing = new GeminiFraming();
  const events = framing.push(pieced!.response);
  const { toolCalls } = assemble((take) => {
    const own = new CallKeys();
    for (const { data } of events) if (data !== null) takeGeminiDeltas(parseObject(data) ?? {}, own, take);
  });
  expect(toolCalls).toEqual([
    { choice: 0, name: "getCurrentWeather", arguments: "USANewYorkCityto know what to wear todayC" },
  ]);
});
