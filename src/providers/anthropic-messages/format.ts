import type { WireFormat } from "../../core/wire.ts";
import { createRelay } from "../relay.ts";
import { readMessagesAnswer } from "./answer.ts";
import { editMessagesAnswer } from "./edit-answer.ts";
import { editMessagesStream } from "./editor.ts";
import { writeMessagesRefusal, writeMessagesStreamError } from "./refusal.ts";
import { readMessagesRequest } from "./request.ts";
import { readMessagesStream } from "./stream.ts";
import { writeMessagesRequest } from "./write.ts";

/** Anthropic's messages. Its streams always tell their usage: nothing is asked for and nothing withheld. */
export const anthropicMessages: WireFormat = {
  surface: "messages",
  paths: ["/v1/messages"],
  upstreamPath: (_view, _target, query) => `/v1/messages${query}`,
  phases: ["request", "stream", "response", "usage"],
  readRequest: (raw) => readMessagesRequest(raw),
  writeRequest: (view, edit) => writeMessagesRequest(view, edit),
  tellsUsage: () => true,
  readAnswer: readMessagesAnswer,
  editAnswer: editMessagesAnswer,
  openStream: ({ inspector } = {}) => createRelay(readMessagesStream(), null, { edit: editMessagesStream, inspector }),
  writeRefusal: writeMessagesRefusal,
  writeStreamError: writeMessagesStreamError,
};
