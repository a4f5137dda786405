import type { WireFormat } from "../../core/wire.ts";
import { createRelay } from "../relay.ts";
import { readCohereAnswer } from "./answer.ts";
import { editCohereAnswer } from "./edit.ts";
import { createCohereEditor } from "./editor.ts";
import { writeCohereRefusal, writeCohereStreamError } from "./refusal.ts";
import { readCohereRequest } from "./request.ts";
import { readCohereStream } from "./stream.ts";
import { writeCohereRequest } from "./write.ts";

/** Cohere's chat, version 2. Its streams always tell their usage. */
export const cohere: WireFormat = {
  surface: "cohere",
  paths: ["/v2/chat"],
  upstreamPath: (_view, _target, query) => `/v2/chat${query}`,
  phases: ["request", "usage"],
  readRequest: (raw) => readCohereRequest(raw),
  writeRequest: (view, edit) => writeCohereRequest(view, edit),
  tellsUsage: () => true,
  readAnswer: readCohereAnswer,
  editAnswer: editCohereAnswer,
  openStream: ({ inspector } = {}) => createRelay(readCohereStream(), null, { edit: createCohereEditor, inspector }),
  writeRefusal: writeCohereRefusal,
  writeStreamError: writeCohereStreamError,
};
