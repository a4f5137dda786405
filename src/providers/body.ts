import type { Json, JsonObject } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { describe } from "./fields.ts";
import { isObject } from "./json.ts";
import { duplicateKey, JsonTooDeep, scanMembers } from "./json-text.ts";

/** Deepest nesting of a body. Real ones stay under 30; what walks a body recursively is safe up to here. */
export const maxBodyDepth = 512;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a body that must be a JSON object.
 *
 * Two members with one name are refused: which of them counts differs between parsers, so a policy could judge one
 * value and the provider obey the other.
 *
 * @throws SluiceError `malformed_json` or `invalid_request`
 */
export function parseBody(raw: Uint8Array): JsonObject {
  const body = parse(decode(raw));
  if (!isObject(body)) {
    throw new SluiceError("invalid_request", {
      problem: `The request body must be a JSON object; received ${describe(body)}.`,
    });
  }
  const members = scan(raw);
  if (members.length !== Object.keys(body).length) {
    throw new SluiceError("invalid_request", {
      problem: `The request body has the member '${duplicateKey(raw, members)}' twice; each may stand once.`,
    });
  }
  return body;
}

function decode(raw: Uint8Array): string {
  try {
    return decoder.decode(raw);
  } catch (cause) {
    throw new SluiceError("malformed_json", { problem: "it is not valid UTF-8" }, { cause });
  }
}

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (text.trim() === "") throw new SluiceError("malformed_json", { problem: "it is empty" }, { cause });
    if (!(cause instanceof SyntaxError)) throw tooDeep(cause);
    throw new SluiceError("malformed_json", { problem: cause.message.replace(/^JSON Parse error: /, "") }, { cause });
  }
}

function scan(raw: Uint8Array) {
  try {
    return scanMembers(raw, maxBodyDepth);
  } catch (cause) {
    if (cause instanceof JsonTooDeep) throw tooDeep(cause);
    throw cause;
  }
}

function tooDeep(cause: unknown): SluiceError {
  return new SluiceError("malformed_json", { problem: `it is nested deeper than ${maxBodyDepth} levels` }, { cause });
}
