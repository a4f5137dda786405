import { describe, expect, test } from "bun:test";
import type { Target } from "../../core/ports.ts";
import { geminiCountTokens } from "../gemini-count-tokens/format.ts";
import { geminiEmbeddings } from "../gemini-embeddings/format.ts";
import { body, thrownBy, tinyPng } from "../testing.ts";
import { gemini } from "./format.ts";

const host = "http://localhost:8080";
const url = `${host}/v1beta/models/gemini-2.5-pro:generateContent`;
const read = (value: unknown, at = url) => gemini.readRequest(body(value), at);
const user = (...parts: object[]) => ({ role: "user", parts });

test("what is read of a body, in both spellings", () => {
  for (const view of [
    read({
      systemInstruction: { parts: [{ text: "Be kind." }] },
      contents: [user({ text: "hi" })],
      generationConfig: { maxOutputTokens: 9, candidateCount: 2, temperature: 0.5 },
      tools: [{ functionDeclarations: [{ name: "f" }] }, { googleSearch: {} }],
    }),
    read({
      system_instruction: { parts: { text: "Be kind." } },
      contents: user({ text: "hi" }),
      generation_config: { max_output_tokens: 9, candidate_count: 2, temperature: 0.5 },
      tools: { function_declarations: { name: "f" }, google_search: {} },
    }),
  ]) {
    expect(view).toMatchObject({
      surface: "gemini",
      model: "gemini-2.5-pro",
      stream: false,
      messageCount: 2,
      toolCount: 2,
      maxTokensRequested: 9,
      choices: 2,
      temperature: 0.5,
      user: "",
    });
    expect(view.roles()).toEqual(["system", "user"]);
    expect(view.toolNames()).toEqual(["f", "googleSearch"]);
    expect(view.characters()).toBe("Be kind.hi".length);
  }
});

test("every text of a prompt is counted, and no bytes and seals", () => {
  const parts = [
    { text: "said" },
    { text: "thought", thought: true, thoughtSignature: "c2VhbA==" },
    { inlineData: { mimeType: "image/png", data: tinyPng, displayName: "photo" } },
    { file_data: { mime_type: "image/jpeg", file_uri: "https://files.example/1" } },
    { inline_data: { mime_type: "application/pdf", data: "JVBERi0=" } },
    { functionCall: { name: "f", args: { a: 1 } } },
    { functionResponse: { name: "f", response: { b: "two" } } },
    { executableCode: { language: "PYTHON", code: "print(1)" } },
    { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } },
    { somethingNew: { words: "counted" } },
  ];
  const schema = { type: "OBJECT" };
  const view = read({ contents: [user(...parts)], generationConfig: { responseSchema: schema } });
  expect(view.parts()).toEqual([
    {
      kind: "message",
      role: "user",
      texts: ["said", "thought", "photo", "f", '{"a":1}', "f", '{"b":"two"}', "print(1)", "1", "counted"],
      images: [{ detail: "auto", width: 1, height: 2 }, { detail: "auto" }],
      // The document: at least a page.
      tokens: 258,
    },
    { kind: "tool", role: "", texts: [JSON.stringify(schema)], images: [] },
  ]);
});

test("a text that is sent as a file is read as text, and other files by their size", () => {
  const file = (mimeType: string, bytes: Buffer) => user({ inlineData: { mimeType, data: bytes.toString("base64") } });
  const [part] = read({ contents: [file("text/plain; charset=utf-8", Buffer.from("a sécret"))] }).parts();
  expect(part?.texts).toEqual(["a sécret"]);
  const [json] = read({ contents: [file("application/vnd.api+json", Buffer.from("{}"))] }).parts();
  expect(json?.texts).toEqual(["{}"]);
  const [sound] = read({ contents: [file("audio/mp3", Buffer.alloc(249_999))] }).parts();
  expect([sound?.texts, sound?.tokens]).toEqual([[], 1_000]);
});

describe("the URL", () => {
  test.each([
    ["/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", false],
    ["/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini-2.5-pro", true],
    ["/v1alpha/models/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", true],
    [
      "/v1beta/models/models%2Fgemini-2.5-pro%3AgenerateContent?x=/v1beta/models/other:generateContent",
      "gemini-2.5-pro",
      false,
    ],
    ["/v1beta/tunedModels/ours-1:generateContent", "tunedModels/ours-1", false],
    ["/v1beta/models/tunedModels/ours-1:generateContent", "tunedModels/ours-1", false],
    ["/v1beta/models/google%2Fgemini:2.5:generateContent", "google/gemini:2.5", false],
  ])("%s means the model %s, streamed: %p", (path, model, stream) => {
    for (const at of [path, host + path]) {
      expect(read({ contents: [] }, at)).toMatchObject({ model, stream });
      expect(gemini.takes?.(at)).toBe(true);
      expect(geminiCountTokens.takes?.(at)).toBe(false);
    }
  });

  test("tells the surfaces apart by the method alone", () => {
    const takers = (method: string) =>
      [gemini, geminiCountTokens, geminiEmbeddings]
        .filter(({ takes }) => takes?.(`${host}/v1beta/models/m:${method}?alt=generateContent`))
        .map(({ surface }) => surface);
    expect(takers("countTokens")).toEqual(["gemini-count-tokens"]);
    expect(takers("embedContent")).toEqual(["gemini-embeddings"]);
    expect(takers("batchEmbedContents")).toEqual(["gemini-embeddings"]);
    expect(takers("predict")).toEqual([]);
    expect(takers("GenerateContent")).toEqual([]);
  });

  test("of the provider has its model, the client's query, and no credentials and encodings of the client", () => {
    const upstream = (model: string, query: string, stream = false) =>
      gemini.upstreamPath({ ...read({ contents: [] }), stream } as never, { model } as Target, query);
    expect(upstream("gemini-2.5-pro", "")).toBe("/v1beta/models/gemini-2.5-pro:generateContent");
    expect(upstream("tunedModels/a b", "?prettyPrint=false", true)).toBe(
      "/v1beta/tunedModels/a%20b:streamGenerateContent?prettyPrint=false",
    );
    expect(upstream("m", "?key=secret&alt=sse&%6Bey=secret&access_token=secret&oauth_token=s", true)).toBe(
      "/v1beta/models/m:streamGenerateContent?alt=sse",
    );
    expect(upstream("a/../../x?y", "?alt=json&callback=f")).toBe("/v1beta/models/a%2F..%2F..%2Fx%3Fy:generateContent");
  });
});

describe("is refused", () => {
  test.each([
    [{ contents: "hi" }, "'contents[0]' must be an object; received the string \"hi\"."],
    [{ contents: [5] }, "'contents[0]' must be an object; received 5."],
    [{ contents: 5 }, "'contents' must be an array of objects; received 5."],
    [{ systemInstruction: 5 }, "'systemInstruction' must be an object with parts; received 5."],
    [{ generation_config: [] }, "'generation_config' must be an object; received an empty array."],
    [
      { generationConfig: { maxOutputTokens: "9" } },
      "'maxOutputTokens' must be a whole number of at least 0; received the string \"9\".",
    ],
    [
      { generationConfig: { candidateCount: 1.5 } },
      "'candidateCount' must be a whole number from 0 to 128; received 1.5.",
    ],
    [
      { systemInstruction: {}, system_instruction: {} },
      "The request body has 'systemInstruction' and 'system_instruction', which are one; it may stand once.",
    ],
    [
      { generationConfig: { maxOutputTokens: 1, max_output_tokens: 9 } },
      "The request body has 'generationConfig.maxOutputTokens' and 'generationConfig.max_output_tokens', which are one; it may stand once.",
    ],
    [
      { tools: [{ functionDeclarations: "f" }] },
      "'tools.functionDeclarations[0]' must be an object; received the string \"f\".",
    ],
  ])("%j", (value, problem) => {
    expect(thrownBy(() => read(value))).toEqual(["invalid_request", problem]);
  });

  test("an encoding of the answer that nobody here could read", () => {
    expect(thrownBy(() => read({ contents: [] }, `${url}?alt=proto`))).toEqual([
      "invalid_request",
      "'alt' must be json or sse; received 'proto'.",
    ]);
    expect(thrownBy(() => read({ contents: [] }, `${url}?%24alt=media`))[0]).toBe("invalid_request");
    expect(read({ contents: [] }, `${url}?$alt=json;enum-encoding=int`).model).toBe("gemini-2.5-pro");
  });

  test("a call without a model", () => {
    expect(thrownBy(() => read({ contents: [] }, `${host}/v1beta/models/:generateContent`))[0]).toBe("invalid_request");
    expect(thrownBy(() => gemini.readRequest(body({ contents: [] })))[0]).toBe("invalid_request");
    expect(gemini.readRequest(body({ model: "models/m", contents: [], stream: true }))).toMatchObject({
      model: "m",
      stream: true,
    });
  });

  test("an embedding whose body names another model or is not what the path says", () => {
    const embed = (value: object, method: string) =>
      thrownBy(() => geminiEmbeddings.readRequest(body(value), `${host}/v1beta/models/m:${method}`));
    expect(embed({ model: "models/other", content: {} }, "embedContent")).toEqual([
      "invalid_request",
      "'model' must be the path's model 'm'; received 'other'.",
    ]);
    expect(embed({ requests: [{ content: {} }, { model: "other", content: {} }] }, "batchEmbedContents")[1]).toBe(
      "'requests[1].model' must be the path's model 'm'; received 'other'.",
    );
    expect(embed({ requests: [] }, "embedContent")[0]).toBe("invalid_request");
    expect(embed({ content: {} }, "batchEmbedContents")[0]).toBe("invalid_request");
    expect(embed({ content: "text" }, "embedContent")[1]).toContain("'content' must be an object with parts");
  });

  test("a count of contents and of a whole request at once", () => {
    const value = { contents: [], generateContentRequest: { contents: [] } };
    const at = `${host}/v1beta/models/m:countTokens`;
    expect(thrownBy(() => geminiCountTokens.readRequest(body(value), at))[0]).toBe("invalid_request");
  });
});

test("a whole request that is counted is read as one", () => {
  const whole = { model: "models/m", systemInstruction: { parts: [{ text: "a" }] }, contents: [user({ text: "b" })] };
  const view = geminiCountTokens.readRequest(
    body({ generate_content_request: whole }),
    `${host}/v1beta/models/m:countTokens`,
  );
  expect(view).toMatchObject({ surface: "gemini-count-tokens", model: "m", messageCount: 2, choices: 0 });
});
