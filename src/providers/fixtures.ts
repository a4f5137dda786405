import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What a recording's meta file says that tests use. */
export interface FixtureMeta {
  readonly name: string;
  readonly provider: string;
  readonly api: string;
  readonly model: string | null;
  readonly status: number;
  readonly stream: boolean;
  /** `json`, `sse-lf`, `sse-crlf` and so on. */
  readonly framing: string;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** `null` when the payload tells no usage. */
  readonly expectedUsage: Readonly<Record<string, number | null>> | null;
  readonly expected?: Readonly<Record<string, unknown>> | null;
  readonly tags: readonly string[];
}

/** One recorded provider payload. */
export interface Fixture {
  readonly meta: FixtureMeta;
  /** The request's JSON text, `null` when it was not kept. */
  readonly request: string | null;
  /** The answer's body, byte for byte. */
  readonly response: Uint8Array;
}

const directory = join(import.meta.dir, "../../../shared/fixtures");

/**
 * The recordings of these APIs. They are test data that is not part of the project: a checkout without them skips,
 * for the reason given in `skip`.
 *
 * @throws Error when they are absent on a CI machine, where nothing may be skipped
 */
export function fixtures(...apis: readonly string[]): { list: readonly Fixture[]; skip: string } {
  if (!existsSync(join(directory, "index.json"))) {
    if (process.env.CI) throw new Error("the recorded payloads are absent: ../shared/fixtures beside the project");
    return { list: [], skip: "(skipped: the recorded payloads are not beside this checkout)" };
  }
  const index = readJson<{ fixtures: readonly IndexEntry[] }>("index.json");
  return { list: index.fixtures.filter(({ api }) => apis.includes(api)).map(load), skip: "" };
}

interface IndexEntry {
  readonly api: string;
  readonly dir: string;
  readonly name: string;
  readonly files: { readonly request?: string; readonly response: string };
}

function load({ dir, name, files }: IndexEntry): Fixture {
  return {
    meta: readJson<FixtureMeta>(dir, `${name}.meta.json`),
    request: files.request === undefined ? null : readFileSync(join(directory, dir, files.request), "utf8"),
    response: readFileSync(join(directory, dir, files.response)),
  };
}

function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(directory, ...path), "utf8")) as T;
}
