import type { JsonObject, RequestView, WireFormat } from "../../core/wire.ts";
import type { EchoReply } from "./reply.ts";

/** What is said to one request, with all that an answer shows beside it. */
export interface EchoSaying {
  readonly view: RequestView;
  readonly reply: EchoReply;
  /** The same for equal bodies; what ids are made of. */
  readonly id: string;
  /** When it is said, in seconds since the epoch. */
  readonly seconds: number;
  /** Pieces a stream is cut into; 0 for one a word. */
  readonly chunks: number;
}

/** How the simulated provider speaks one surface. One file each; {@link echoSurfaces} has them all. */
export interface EchoSurface {
  readonly format: WireFormat;
  /** The header that names the request at this vendor. */
  readonly idHeader: string;
  /**
   * Whether the last word is the user's own. Only then a tool is called: after a tool's result, asking again would never
   * end. Absent where no tools are offered.
   */
  asksUser?(view: RequestView): boolean;
  /** The schema of an offered tool's input; empty when it has none. */
  toolSchema?(view: RequestView, name: string): JsonObject;
  /** The whole answer as JSON text. */
  answer(saying: EchoSaying): string;
  /** The answer as a stream, cut where a provider would send: absent where answers are never streamed. */
  events?(saying: EchoSaying): readonly string[];
  /** The content type of the stream of this request; that of server-sent events when absent. */
  streamType?(view: RequestView): string;
}
