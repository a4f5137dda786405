import type { Json, JsonObject } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { describe } from "./fields.ts";
import { isArray, isObject } from "./json.ts";
import { countMembers, JsonTooDeep } from "./json-text.ts";
import { duplicateMember, parseTree } from "./json-tree.ts";

/** Deepest nesting of a body. Real ones stay under 30; what walks a body recursively is safe up to here. */
export const maxBodyDepth = 512;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a body that must be a JSON object.
 *
 * Two members of one object with one name are refused, at any depth: which of them counts differs between parsers, so
 * a policy could judge one value and the provider obey the other.
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
  // Parsing keeps one of two, so the text then has more members than what was read.
  if (written(raw) !== membersOf(body)) throw new SluiceError("invalid_request", { problem: doubled(raw) });
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

function written(raw: Uint8Array): number {
  try {
    return countMembers(raw, maxBodyDepth);
  } catch (cause) {
    if (cause instanceof JsonTooDeep) throw tooDeep(cause);
    throw cause;
  }
}

/** How many members a value's objects have, at any depth. */
function membersOf(value: Json): number {
  let count = 0;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const item = value[i]!;
      if (typeof item === "object" && item !== null) count += membersOf(item);
    }
  } else if (isObject(value)) {
    for (const key in value) {
      const member = value[key];
      count += 1;
      if (typeof member === "object" && member !== null) count += membersOf(member);
    }
  }
  return count;
}

function doubled(raw: Uint8Array): string {
  const path = duplicateMember(parseTree(decode(raw))) ?? "";
  return `The request body has the member '${path}' twice; each may stand once.`;
}

function tooDeep(cause: unknown): SluiceError {
  return new SluiceError("malformed_json", { problem: `it is nested deeper than ${maxBodyDepth} levels` }, { cause });
}
