import { expect, test } from "bun:test";
import { documentTokens, soundTokens, textOfDataUrl } from "./media.ts";
import { readResponsesRequest } from "./openai-responses/request.ts";
import { body } from "./testing.ts";

const base64 = (bytes: number) => Buffer.alloc(bytes).toString("base64");

test.each([
  ["a minute of speech, uncompressed", soundTokens(base64(60 * 32_000), "wav"), 600],
  ["a minute of speech, compressed", soundTokens(base64(60 * 4_000), "mp3"), 600],
  ["sound of no length that is known", soundTokens(undefined, ""), 10],
  ["a document of a megabyte", documentTokens(base64(999_999)), 40_000],
  ["as a data URL", documentTokens(`data:application/pdf;base64,${base64(999_999)}`), 40_000],
  ["a document kept elsewhere", documentTokens(undefined), 3_000],
  ["the largest document", documentTokens(base64(30_000_000)), 300_000],
])("%s comes to about %i tokens", (_, tokens, expected) => {
  expect(tokens).toBe(expected);
});

test("a text that comes as a file is read as one", () => {
  expect(textOfDataUrl(`data:text/plain;charset=utf-8;base64,${Buffer.from("h\u00e9").toString("base64")}`)).toBe(
    "h\u00e9",
  );
  expect(textOfDataUrl("data:application/json,%7B%7D")).toBe("{}");
  expect(textOfDataUrl("data:text/plain,%zz")).toBe("%zz");
  for (const other of ["data:application/pdf;base64,QUJD", "text", undefined]) expect(textOfDataUrl(other)).toBeNull();
  const file = { type: "input_file", filename: "a.txt", file_data: "data:text/plain;base64,aGk=" };
  const view = readResponsesRequest(body({ model: "m", input: [{ role: "user", content: [file] }] }));
  expect(view.parts()).toEqual([{ kind: "message", role: "user", texts: ["a.txt", "hi"], images: [] }]);
});
