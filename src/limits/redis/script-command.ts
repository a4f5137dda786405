import { Command } from "ioredis";

/** What a script can be told. */
export type ScriptArgument = string | number | Buffer;

/**
 * A script's call as Redis reads it, written in one go. ioredis writes, measures and copies each argument by itself,
 * which for the hundreds of keys of a batch costs more than all that is done for them here.
 */
export class ScriptCommand extends Command {
  readonly #written: Buffer;

  constructor(sha: string, keys: readonly string[], args: readonly ScriptArgument[]) {
    // A cluster finds the node by the first key.
    super("evalsha", [sha, "1", keys[0]!], { replyEncoding: "utf8" });
    this.#written = written(sha, keys, args);
  }

  override toWritable(): Buffer {
    return this.#written;
  }
}

function written(sha: string, keys: readonly string[], args: readonly ScriptArgument[]): Buffer {
  const parts: Buffer[] = [];
  let text = `*${3 + keys.length + args.length}\r\n$7\r\nEVALSHA\r\n${bulk(sha)}${bulk(String(keys.length))}`;
  for (let i = 0; i < keys.length; i += 1) text += bulk(keys[i]!);
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i]!;
    if (typeof arg !== "object") text += bulk(String(arg));
    else {
      parts.push(Buffer.from(`${text}$${arg.length}\r\n`), arg);
      text = "\r\n";
    }
  }
  parts.push(Buffer.from(text));
  return Buffer.concat(parts);
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
