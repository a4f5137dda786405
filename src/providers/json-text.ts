const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;

/** Where one top-level member stands in the text, as byte offsets. */
export interface Member {
  /** The key's opening quote. */
  readonly start: number;
  /** After the key's closing quote. */
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** A text is nested deeper than asked for. */
export class JsonTooDeep extends Error {}

/**
 * Finds the top-level members of a JSON object.
 *
 * @param bytes valid JSON whose value is an object: it is not checked again
 */
export function scanMembers(bytes: Uint8Array): Member[] {
  const members: Member[] = [];
  let i = skipSpace(bytes, 0) + 1;
  for (;;) {
    i = skipSpace(bytes, i);
    const byte = bytes[i];
    if (byte === COMMA) {
      i += 1;
      continue;
    }
    if (byte !== QUOTE) return members;
    const start = i;
    const keyEnd = skipString(bytes, i + 1);
    const valueStart = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    i = skipValue(bytes, valueStart);
    members.push({ start, keyEnd, valueStart, valueEnd: i });
  }
}

/**
 * How many members the objects of a JSON text have, at any depth; those that stand twice count twice.
 *
 * @param bytes valid JSON: it is not checked again
 * @throws JsonTooDeep when it is nested deeper than `maxDepth`
 */
export function countMembers(bytes: Uint8Array, maxDepth: number): number {
  let count = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!;
    i += 1;
    if (byte === QUOTE) i = skipString(bytes, i);
    else if (byte === COLON) count += 1;
    else if (byte === 123 || byte === 91) {
      depth += 1;
      if (depth > maxDepth) throw new JsonTooDeep();
    } else if (byte === 125 || byte === 93) depth -= 1;
  }
  return count;
}

/** The key of a member, escapes resolved. */
export function keyOf(bytes: Uint8Array, member: Member): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "utf8",
    member.start,
    member.keyEnd,
  );
  return text.includes("\\") ? String(JSON.parse(text)) : text.slice(1, -1);
}

/** The value of a top-level member as it stands in the text; empty when there is none. */
export function memberValue(bytes: Uint8Array, key: string): Uint8Array {
  const member = scanMembers(bytes).find((candidate) => keyOf(bytes, candidate) === key);
  return member === undefined ? bytes.subarray(0, 0) : bytes.subarray(member.valueStart, member.valueEnd);
}

/** What becomes of members, by key: their new value as JSON text, or `null` to remove them. */
export type MemberEdits = ReadonlyMap<string, string | null>;

/**
 * Edits top-level members of a JSON object. A key that is not there is added at the end; removing one that is not
 * there does nothing. Every byte that belongs to no edited member stays as it is; the same array is given back when
 * nothing changes.
 *
 * @param bytes valid JSON whose value is an object without duplicate keys
 */
export function editMembers(bytes: Uint8Array, edits: MemberEdits): Uint8Array {
  const members = scanMembers(bytes);
  const added = new Map(edits);
  const out: Uint8Array[] = [];
  let changed = false;
  let kept = 0;
  // Everything before `copied` is in `out` or dropped; separators are copied with the member that follows them.
  let copied = members[0]?.start ?? skipSpace(bytes, 0) + 1;
  out.push(bytes.subarray(0, copied));

  for (const member of members) {
    const key = keyOf(bytes, member);
    const edit = edits.get(key);
    added.delete(key);
    if (edit === null) {
      changed = true;
    } else {
      // The first one kept has no separator before it, whatever stood there.
      const from = kept === 0 ? member.start : copied;
      if (edit === undefined) {
        out.push(bytes.subarray(from, member.valueEnd));
      } else {
        changed = true;
        out.push(bytes.subarray(from, member.valueStart), Buffer.from(edit));
      }
      kept += 1;
    }
    copied = member.valueEnd;
  }

  for (const [key, value] of added) {
    if (value === null) continue;
    changed = true;
    out.push(Buffer.from(`${kept > 0 ? "," : ""}${JSON.stringify(key)}:${value}`));
    kept += 1;
  }
  if (!changed) return bytes;
  out.push(bytes.subarray(copied));
  return Buffer.concat(out);
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let i = from;
  while (i < bytes.length && bytes[i]! <= 32) i += 1;
  return i;
}

/** From after an opening quote to after the closing one. Short strings are walked, long ones leapt over. */
function skipString(bytes: Uint8Array, from: number): number {
  let i = from;
  const near = Math.min(bytes.length, from + 32);
  while (i < near) {
    const byte = bytes[i];
    if (byte === QUOTE) return i + 1;
    i += byte === BACKSLASH ? 2 : 1;
  }
  let search = i;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, search);
    if (quote === -1) return bytes.length;
    let slashes = quote;
    while (slashes > i && bytes[slashes - 1] === BACKSLASH) slashes -= 1;
    if ((quote - slashes) % 2 === 0) return quote + 1;
    search = quote + 1;
  }
}

function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from + 1);
  let i = from;
  if (first === 123 || first === 91) {
    let depth = 0;
    while (i < bytes.length) {
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        i = skipString(bytes, i + 1);
        continue;
      }
      i += 1;
      if (byte === 123 || byte === 91) {
        depth += 1;
      } else if (byte === 125 || byte === 93) {
        depth -= 1;
        if (depth === 0) return i;
      }
    }
    return i;
  }
  while (i < bytes.length) {
    const byte = bytes[i]!;
    if (byte <= 32 || byte === COMMA || byte === 125) break;
    i += 1;
  }
  return i;
}
