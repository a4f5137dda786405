import { gunzipSync, inflateSync } from "node:zlib";
import { SluiceError } from "../errors.ts";
import type { PlainHeaders } from "./headers.ts";

/**
 * Reads a request body whole, never holding more than `maxBytes` of it, whatever the client declares.
 *
 * Compressed bodies are decompressed, because rules read them; the limit holds for the decompressed size too.
 *
 * @throws SluiceError `body_too_large` before anything is parsed, `unsupported_encoding`, `invalid_request`
 */
export function readBody(request: Request, headers: PlainHeaders, maxBytes: number): Promise<Uint8Array> {
  const declared = headers["content-length"];
  if (declared !== undefined && Number(declared) > maxBytes) {
    return Promise.reject(new SluiceError("body_too_large", { max: maxBytes }));
  }
  // With a declared length the HTTP parser already bounds the body; without one we count as it comes.
  const reading = declared === undefined ? readCounting(request, maxBytes) : request.bytes();
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return reading;
  return reading.then((raw) => decompress(raw, encoding, maxBytes));
}

async function readCounting(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new SluiceError("body_too_large", { max: maxBytes });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function decompress(raw: Uint8Array, encoding: string, maxBytes: number): Uint8Array {
  const options = { maxOutputLength: maxBytes };
  try {
    switch (encoding.toLowerCase()) {
      case "gzip":
      case "x-gzip":
        return gunzipSync(raw, options);
      case "deflate":
        return inflateSync(raw, options);
    }
  } catch (error) {
    if (error instanceof RangeError || (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") {
      throw new SluiceError("body_too_large", { max: maxBytes }, { cause: error });
    }
    throw new SluiceError("invalid_request", { problem: `The body is not valid ${encoding}.` }, { cause: error });
  }
  throw new SluiceError("unsupported_encoding", { received: encoding.slice(0, 32) });
}
