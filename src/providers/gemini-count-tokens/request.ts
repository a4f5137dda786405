import type { JsonObject, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { Conversation } from "../conversation.ts";
import { refuse } from "../fields.ts";
import { checkEncoding, modelOf } from "../gemini/path.ts";
import { conversationFormat, readConversation } from "../gemini/request.ts";
import { keyOf, refuseTwoSpellings } from "../gemini/spelling.ts";
import { asObject, isObject } from "../json.ts";

/** Where a body may hold a whole request instead of contents alone. */
export const wholeRequest = "generateContentRequest";

const counting = { ...conversationFormat, surface: "gemini-count-tokens" } as const;

/**
 * Reads a countTokens body: contents, or a whole request for an answer.
 *
 * @throws SluiceError `invalid_request`
 */
export function readCountRequest(raw: Uint8Array, url?: string, routed?: string): RequestView {
  const body = parseBody(raw);
  refuseTwoSpellings(body, "");
  if (url) checkEncoding(url);
  const key = keyOf(body, wholeRequest);
  const sent = body[key] ?? null;
  if (sent !== null && !isObject(sent)) refuse(key, "an object", sent);
  if (sent !== null && body.contents !== undefined) refuse(key, "absent beside 'contents'", sent);
  return new Conversation(counting, {
    raw,
    body,
    model: modelOf(url, routed, body.model ?? asObject(sent).model),
    stream: false,
    ...readConversation(countedRequest(body)),
    maxTokensRequested: 0,
    choices: 0,
  });
}

/** What is counted. */
export function countedRequest(body: JsonObject): JsonObject {
  const inner = body[keyOf(body, wholeRequest)];
  return isObject(inner) ? inner : body;
}
