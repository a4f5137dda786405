// The thread of SqliteWriter: a connection of its own, one transaction per message.
import { Database } from "bun:sqlite";
import { connectionPragmas, type InsertAll, prepareInserts } from "./sqlite-inserts.ts";
import { decodeWrite, type WriteReply } from "./sqlite-message.ts";

/**
 * Nobody waits for this thread but batches of records, so it can wait long for other writers. What it commits is safe from
 * the end of the process at once, and from that of the machine when the file system has written it.
 */
const pragmas = ["busy_timeout = 5000", ...connectionPragmas, "synchronous = normal"];

declare const self: Worker;

let insertAll: InsertAll | undefined;

self.onmessage = ({ data }: MessageEvent<string>) => {
  let problem: WriteReply = "";
  try {
    const { path, inserts } = decodeWrite(data);
    insertAll ??= connect(path);
    insertAll(inserts);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  self.postMessage(problem);
};

function connect(path: string): InsertAll {
  const database = new Database(path, { create: false, readwrite: true });
  for (const pragma of pragmas) database.run(`pragma ${pragma}`);
  return prepareInserts(database);
}
