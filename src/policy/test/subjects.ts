import type { Cel } from "../../cel/cel.ts";
import type { PolicyException } from "../../core/exceptions.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { bundlePolicy } from "../bundle.ts";
import { type CompiledFile, type CompileTools, compileFile } from "../compile.ts";
import { applyExceptions } from "../exceptions.ts";
import { policyId } from "../kinds.ts";
import type { LoadResult } from "../load.ts";
import type { Problem } from "../problem.ts";
import type { PolicyFile } from "../tree.ts";

/** How a policy is compiled for a test. */
export interface SubjectOptions {
  /** Params, of a library policy. */
  readonly with?: Readonly<Record<string, unknown>>;
  /** Compiles its expressions; the usual compiler when absent. */
  readonly cel?: Cel;
  /** Another text for its file, or for one that it imports, than the committed one. */
  readonly change?: FileChange;
}

/** Another text for a file of the policies folder. */
export interface FileChange {
  /** Inside the policies folder. */
  readonly path: string;
  readonly text: string;
}

/** The code of a TypeScript policy. */
export interface SubjectCode {
  /** All of it, as it runs: what is the same here does the same. */
  readonly bundle: string;
  /** The files of the folder that it is made of, its own first. */
  readonly files: readonly PolicyFile[];
}

/** A policy, or why there is none. */
export type Compiled =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const policyKinds: readonly PolicyFile["kind"][] = ["policy", "cel", "typescript", "library"];
const libraryPrefix = "library/";

/** Compiles single policies of a folder, each as it was compiled with all the others. */
export class Subjects {
  readonly #tools: CompileTools;
  readonly #exceptions: readonly PolicyException[];
  readonly #files: ReadonlyMap<string, PolicyFile>;

  constructor({ files, tools, exceptions }: LoadResult & { readonly ok: true }) {
    this.#tools = tools;
    this.#exceptions = exceptions;
    const policies = files.filter(({ kind }) => policyKinds.includes(kind));
    this.#files = new Map(policies.map((file) => [policyId(file.path), file]));
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
  async compile(
    id: string,
    { with: params = {}, cel = this.#tools.cel, change }: SubjectOptions = {},
  ): Promise<Compiled> {
    const { file, tools } = this.#changed(id, change);
    const { policy, problems } = this.isLibrary(id)
      ? await this.#putToWork(id, file, params, cel)
      : await compileFile(file, { ...tools, cel });
    if (policy === undefined) return { ok: false, problems };
    const [excepted = policy] = applyExceptions([policy], this.#exceptions);
    return { ok: true, policy: { ...excepted, id } };
  }

  /** The code of a policy that is there; `null` when it is none in TypeScript, or cannot be bundled. */
  async code(id: string, change?: FileChange): Promise<SubjectCode | null> {
    const { file, tools } = this.#changed(id, change);
    if (file.kind !== "typescript") return null;
    const modules = tools.modules ?? new Map<string, PolicyFile>();
    const result = await bundlePolicy(file, tools.dir, modules);
    if (!result.ok) return null;
    const imported = [...result.bundle.inputs.keys()].flatMap((path) => modules.get(path) ?? []);
    const others = imported.filter(({ path, kind }) => path !== file.path && kind !== "data");
    return { bundle: result.bundle.code, files: [file, ...others] };
  }

  #changed(id: string, change: FileChange | undefined): { file: PolicyFile; tools: CompileTools } {
    const file = this.#files.get(id);
    if (file === undefined) throw new Error(`there is no policy '${id}'`);
    if (change === undefined) return { file, tools: this.#tools };
    if (change.path === file.path) return { file: { ...file, text: change.text }, tools: this.#tools };
    const modules = new Map(this.#tools.modules);
    const imported = modules.get(change.path);
    if (imported === undefined) throw new Error(`'${change.path}' is nothing that '${id}' could import`);
    modules.set(change.path, { ...imported, text: change.text });
    return { file, tools: { ...this.#tools, modules } };
  }

  /** A policy of the library does nothing by itself: one that uses it, with these params. */
  async #putToWork(id: string, file: PolicyFile, params: object, cel: Cel): Promise<CompiledFile> {
    const { tools, problems } = await this.#withLibrary(id, file);
    const path = `org/${id.slice(libraryPrefix.length)}.policy.yaml`;
    const text = JSON.stringify({ uses: id, ...(Object.keys(params).length > 0 && { with: params }) });
    const user = await compileFile({ kind: "policy", path, label: file.label, text }, { ...tools, cel });
    return problems.length > 0 ? { ...user, problems } : user;
  }

  /** The tools, with a library in which this policy is as its file has it now. */
  async #withLibrary(id: string, file: PolicyFile): Promise<{ tools: CompileTools; problems: readonly Problem[] }> {
    if (file === this.#files.get(id)) return { tools: this.#tools, problems: [] };
    const { policy, content = null, problems } = await compileFile(file, this.#tools);
    policy?.dispose?.();
    const library = new Map(this.#tools.library).set(id, policy === undefined ? null : content);
    return { tools: { ...this.#tools, library }, problems };
  }
}
