import type { Cel } from "../../cel/cel.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { policyId } from "../kinds.ts";
import { compileTree, type LoadOptions } from "../load.ts";
import type { Problem } from "../problem.ts";
import { labelOf, type PolicyFile, type PolicyTree } from "../tree.ts";

/** How a policy is compiled for a test. */
export interface SubjectOptions {
  /** Params, of a library policy. */
  readonly with?: Readonly<Record<string, unknown>>;
  /** Compiles its expressions; the usual compiler when absent. */
  readonly cel?: Cel;
  /** The text of its file, when it is not to be the committed one. */
  readonly text?: string;
}

/** A policy, or why there is none. */
export type Compiled =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const policyKinds: readonly PolicyFile["kind"][] = ["policy", "cel", "typescript"];
const libraryPrefix = "library/";

/** Compiles single policies of a folder, as they would be compiled with the others. */
export class Subjects {
  readonly #tree: PolicyTree;
  readonly #options: LoadOptions;
  readonly #files: ReadonlyMap<string, PolicyFile>;

  constructor(tree: PolicyTree, options: LoadOptions) {
    this.#tree = tree;
    this.#options = options;
    const files = tree.files.filter(({ kind }) => policyKinds.includes(kind) || kind === "library");
    this.#files = new Map(files.map((file) => [policyId(file.path), file]));
  }

  /** The ids of all policies, those of the library included. */
  ids(): readonly string[] {
    return [...this.#files.keys()];
  }

  file(id: string): PolicyFile | undefined {
    return this.#files.get(id);
  }

  /** Whether it is there and of the library, which is put to work with params. */
  isLibrary(id: string): boolean {
    return this.#files.get(id)?.kind === "library";
  }

  /** Compiles a policy that is there. Whoever asks for it disposes it. */
  async compile(id: string, { with: params = {}, cel, text }: SubjectOptions = {}): Promise<Compiled> {
    const file = this.#files.get(id);
    if (file === undefined) throw new Error(`there is no policy '${id}'`);
    const subject = text === undefined ? file : { ...file, text };
    const others = this.#tree.files.filter((other) => this.#isNeeded(other, id));
    const policies = this.isLibrary(id) ? [subject, this.#user(id, params)] : [subject];
    const tree = { files: [...others, ...policies], problems: [], digest: this.#tree.digest };
    const result = await compileTree(tree, { ...this.#options, ...(cel && { cel }) });
    if (!result.ok) return { ok: false, problems: result.problems };
    return { ok: true, policy: { ...result.snapshot.policies[0]!, id } };
  }

  /** Everything but the other policies and what is only about those. */
  #isNeeded({ kind, path, text }: PolicyFile, id: string): boolean {
    if (kind === "manifest" || policyKinds.includes(kind)) return false;
    if (kind === "exception") return text.includes(id);
    return kind !== "library" || policyId(path) !== id;
  }

  /** A policy of the library does nothing by itself: one that puts it to work, with these params. */
  #user(id: string, params: Readonly<Record<string, unknown>>): PolicyFile {
    const path = `org/${id.slice(libraryPrefix.length)}.policy.yaml`;
    const text = JSON.stringify({ uses: id, ...(Object.keys(params).length > 0 && { with: params }) });
    return { kind: "policy", path, label: `${labelOf(this.#options.dir)}/${path}`, text };
  }
}
