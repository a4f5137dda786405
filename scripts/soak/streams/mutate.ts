/** Random numbers of a seed: the same run can be had again. */
export interface Random {
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
  pick<T>(list: readonly T[]): T;
}

/** Makes random numbers (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { below, pick: (list) => list[below(list.length)]! };
}

const dictionary = [
  "\n\n",
  "\r",
  "\r\n",
  ": comment\n",
  "data: ",
  "data: [DONE]\n\n",
  "event: error\n",
  'data: {"error":{"message":"x"}}\n\n',
  "\ufeff",
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  "null",
  "1e400",
  "-1",
  '"\\ud800"',
  '"\\u0000"',
  '"index":4294967296,',
  '"index":-1,',
  '"index":"x",',
  '"choices":null,',
  '"delta":[],',
  '"usage":{"total_tokens":-5},',
  '"__proto__":{"a":1},',
  '"type":"message_stop",',
  '"type":"content_block_stop",',
  '"type":"response.completed",',
  '"finish_reason":"stop",',
  "[".repeat(2_000),
  '{"a":'.repeat(500),
  "x".repeat(5_000),
].map((text) => Buffer.from(text));
const invalid = Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]);

/** Bytes with some of the faults that streams and bodies can have. */
export function mutate(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  let now: Uint8Array = Buffer.from(bytes);
  for (let i = 1 + random.below(4); i > 0; i -= 1) now = mutateOnce(now, others, random);
  return now;
}

function mutateOnce(bytes: Uint8Array, others: readonly Uint8Array[], random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(200));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  switch (random.below(8)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random.below(256);
      return copy;
    }
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, part, part, after]);
    case 3:
      return Buffer.concat([before, random.below(5) === 0 ? invalid : random.pick(dictionary), part, after]);
    case 4:
      return before;
    case 5: {
      const other = random.pick(others);
      const from = random.below(other.length + 1);
      return Buffer.concat([before, other.subarray(from, from + random.below(2_000)), after]);
    }
    case 6:
      return Buffer.concat([before, ...Array.from({ length: random.below(20) }, () => part), after]);
    default:
      return Buffer.concat([after, part, before]);
  }
}

/** Bytes in chunks cut anywhere. */
export function* cut(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  const size = random.pick([1, 3, 20, 200, 5_000, bytes.length + 1]);
  // A relay may keep a chunk: each has memory of its own, as from a socket.
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(size * 2);
    yield bytes.slice(at, at + length);
    at += length;
  }
}
