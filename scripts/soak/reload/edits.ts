import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readPolicyTree } from "../../../src/policy/tree.ts";

/** What every answer under one state of the folder must carry. */
export interface Expected {
  readonly revision: string;
  /** The codes of all four policies: two phases, YAML and TypeScript, each from files of its own. */
  readonly codes: string;
}

/** One edit, as it was made. */
export interface Edit {
  readonly what: Part | "mistake";
  /** `null` after a mistake: nothing may change. */
  readonly expected: Expected | null;
}

/**
 * Codes begin anew after so many edits: they are labels of metrics, of which a real folder has few. The files' contents
 * never do, so every edit is a new revision.
 */
const stampsInUse = 100;
const parts = ["request", "response", "code", "helper"] as const;
type Part = (typeof parts)[number];

/** A policies folder in which every policy stamps each answer with the number of its file's last edit. */
export class StampedFolder {
  readonly dir: string;
  readonly #random: () => number;
  readonly #stamps: Record<Part, number> = { request: 0, response: 0, code: 0, helper: 0 };
  #edits = 0;
  /** The file that holds a mistake. */
  #broken: Part | null = null;

  private constructor(dir: string, seed: number) {
    this.dir = dir;
    this.#random = randomFrom(seed);
  }

  /** Writes the folder. The same seed gives the same edits. */
  static async create(dir: string, seed: number): Promise<StampedFolder> {
    const folder = new StampedFolder(dir, seed);
    await mkdir(join(dir, "lib"), { recursive: true });
    await writeFile(join(dir, "lib/index.ts"), 'export * from "./helper.ts";\n');
    for (const part of parts) await folder.#write(part, folder.#text(part));
    return folder;
  }

  async expected(): Promise<Expected> {
    const { digest } = await readPolicyTree(this.dir);
    return { revision: digest, codes: codesOf(this.#stamps) };
  }

  /** Makes the next edit: of one file, in place or by renaming another over it, now and then with a mistake in it. */
  async edit(): Promise<Edit> {
    this.#edits += 1;
    // What is broken is mended first: otherwise nothing else could go live.
    const part = this.#broken ?? parts[Math.floor(this.#random() * parts.length)]!;
    if (this.#broken === null && this.#random() < 0.02) {
      this.#broken = part;
      await this.#write(part, "rules: [ export default {");
      return { what: "mistake", expected: null };
    }
    this.#broken = null;
    this.#stamps[part] = this.#edits % stampsInUse;
    await this.#write(part, this.#text(part));
    return { what: part, expected: await this.expected() };
  }

  #text(part: Part): string {
    const stamp = this.#stamps[part];
    const description = `description: edit ${this.#edits}\n`;
    switch (part) {
      case "request":
        return `${description}rules: [{ id: stamp, then: warn, code: request_${stamp}, message: stamped }]\n`;
      case "response":
        return `${description}phase: response\nrules: [{ id: stamp, then: warn, code: response_${stamp}, message: stamped }]\n`;
      case "helper":
        return `export const helper: number = ${stamp};\nexport const edit = ${this.#edits};\n`;
      case "code":
        return [
          'import { definePolicy, t } from "sluice/sdk";',
          'import { edit, helper } from "../lib/index.ts";',
          "export default definePolicy({",
          `  description: "Stamps what it sees in two phases, since edits ${this.#edits} and " + edit,`,
          "  params: t.Object({ stamp: t.Integer() }),",
          `  with: { stamp: ${stamp} },`,
          '  reads: ["request.model"],',
          '  state: () => ({ seen: "" }),',
          "  request({ params, state, request }) {",
          "    state.seen = request.model;",
          '    return { decision: "warn", code: ["code", params.stamp, helper].join("_"), message: "stamped" };',
          "  },",
          "  response({ params, state, request }) {",
          "    if (state.seen !== request.model) throw new Error('the state is of another request');",
          '    return { decision: "warn", code: ["later", params.stamp, helper].join("_"), message: "stamped" };',
          "  },",
          "});",
          "",
        ].join("\n");
    }
  }

  async #write(part: Part, text: string): Promise<void> {
    const file = join(this.dir, files[part]);
    await mkdir(dirname(file), { recursive: true });
    if (this.#random() < 0.5) {
      await writeFile(file, text);
      return;
    }
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  }
}

const files: Readonly<Record<Part, string>> = {
  request: "org/request.policy.yaml",
  response: "org/response.policy.yaml",
  code: "org/code.policy.ts",
  helper: "lib/helper.ts",
};

function codesOf({ request, response, code, helper }: Readonly<Record<Part, number>>): string {
  return [`code_${code}_${helper}`, `later_${code}_${helper}`, `request_${request}`, `response_${response}`].join(",");
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
