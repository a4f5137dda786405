import type { ByteSource } from "./ports.ts";

/**
 * Reads a body to its end, unless it is longer than that: then it is not wanted any more, and nothing of it is kept.
 *
 * @returns `null` for a body of more than `max` bytes
 */
export async function readBytes(source: ByteSource, max: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await source.read();
    if (value !== undefined) {
      size += value.byteLength;
      if (size > max) {
        // It may be in error already; nobody reads it either way.
        void source.cancel().catch(() => undefined);
        return null;
      }
      chunks.push(value);
    }
    if (done) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
  }
}

/**
 * Reads the body of an answer as {@link readBytes}. What says how long it is, as most do, is read in one piece or not at
 * all.
 */
export function readResponse(response: Response, max: number): Promise<Uint8Array | null> {
  const { headers } = response;
  // Of a body that is compressed, or comes in chunks all the same, the length says nothing.
  const says = !headers.has("content-encoding") && !headers.has("transfer-encoding");
  const told = says ? headers.get("content-length") : null;
  // Not looked at before it is needed: a stream is made of it then, which costs more than all the rest of reading it.
  if (told !== null && Number(told) <= max) return response.bytes();
  const { body } = response;
  if (body === null) return Promise.resolve(new Uint8Array());
  if (told === null) return readBytes(body.getReader(), max);
  void body.cancel().catch(() => undefined);
  return Promise.resolve(null);
}
