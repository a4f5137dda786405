import OpenAI from "openai";
import { type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { openaiCompletions } from "./format.ts";

/** Reads a stream as the official SDK does, which puts nothing together on this surface: its chunks are joined here. */
async function judge(bytes: Uint8Array): Promise<JudgedMessage> {
  const client = new OpenAI({
    apiKey: "none",
    maxRetries: 0,
    fetch: async () => new Response(bytes.slice(), { headers: { "content-type": "text/event-stream" } }),
  });
  const texts: string[] = [];
  const finishes: string[] = [];
  for await (const chunk of await client.completions.create({ model: "m", prompt: "", stream: true })) {
    if (chunk.object !== "text_completion") throw new Error(`not a completion: ${chunk.object}`);
    for (const { index, text, finish_reason: finish } of chunk.choices) {
      texts[index] = (texts[index] ?? "") + text;
      if (finish) finishes[index] = finish;
    }
  }
  if (finishes[0] === undefined) throw new Error("the answer does not say how it ended");
  return { text: texts.join(""), calls: [], finish: finishes[0] };
}

const chunk = (text: string, finish: string | null = null, index = 0) =>
  `data: ${JSON.stringify({ id: "c1", object: "text_completion", created: 1, choices: [{ text, index, logprobs: null, finish_reason: finish }], model: "m" })}\n\n`;
const done = "data: [DONE]\n\n";

const recorded = fixtures("completions").list.filter(({ meta }) => meta.stream);

testEditor({
  format: openaiCompletions,
  samples: [
    { name: "one text", bytes: Buffer.from([chunk("Hel"), chunk("lo ü"), chunk("", "stop"), done].join("")) },
    {
      name: "two texts",
      bytes: Buffer.from(
        [chunk("One"), chunk("Two", null, 1), chunk("!", "length", 1), chunk("?", "stop"), done].join(""),
      ),
    },
    ...recorded.map(({ meta, response }) => ({ name: meta.name, bytes: response })),
  ],
  judge,
  finish: { length: "length", content_filter: "content_filter" },
  toolFinish: null,
});
