/** The counting thread: loads encodings and counts what it is sent, in order. */
import { countTexts, type Encoding, type TextCount } from "./encoder.ts";

/** What the thread is sent. Without texts it only loads the encoding. */
export interface CountRequest {
  readonly encoding: Encoding;
  readonly texts: readonly string[];
}

/** What it answers, text by text. */
export type CountReply = readonly TextCount[];

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<CountRequest>) => {
  const reply: CountReply = countTexts(data.encoding, data.texts);
  self.postMessage(reply);
};
