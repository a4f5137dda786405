import type { Refusal, StreamOptions, StreamRelay, WireFormat } from "../../core/wire.ts";
import { createRelay } from "../relay.ts";
import { readGeminiAnswer } from "./answer.ts";
import { editGeminiAnswer } from "./edit.ts";
import { createGeminiEditor } from "./editor.ts";
import { GeminiFraming } from "./framing.ts";
import { asksFor, geminiPath, geminiPaths } from "./path.ts";
import { writeGeminiRefusal, writeGeminiStreamError } from "./refusal.ts";
import { readGeminiRequest } from "./request.ts";
import { readGeminiStream } from "./stream.ts";
import { writeGeminiRequest } from "./write.ts";

/** Gemini's generateContent and streamGenerateContent. Its streams always tell their usage. */
export const gemini: WireFormat = {
  surface: "gemini",
  paths: geminiPaths,
  takes: (url) => asksFor(url, "generateContent", "streamGenerateContent"),
  upstreamPath: ({ stream }, target, query) =>
    geminiPath(stream ? "streamGenerateContent" : "generateContent", target, query),
  phases: ["request", "usage"],
  readRequest: readGeminiRequest,
  writeRequest: (view, edit) => writeGeminiRequest(view, edit),
  tellsUsage: () => true,
  readAnswer: readGeminiAnswer,
  editAnswer: editGeminiAnswer,
  openStream: openGeminiStream,
  writeRefusal: writeGeminiRefusal,
  writeStreamError: writeGeminiStreamError,
};

function openGeminiStream({ inspector }: StreamOptions = {}): StreamRelay {
  const framing = new GeminiFraming();
  const relay = createRelay(readGeminiStream(), null, { framing, edit: createGeminiEditor, inspector });
  relay.writeError = (refusal: Refusal) => framing.last(writeGeminiRefusal(refusal));
  return relay;
}
