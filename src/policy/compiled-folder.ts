import type { PolicyException } from "../core/exceptions.ts";
import type { CompiledFile, CompileTools } from "./compile.ts";
import type { PolicyManifest } from "./manifest.ts";
import type { Problem } from "./problem.ts";

/** What a policies folder in good order was compiled to. */
export interface FolderParts {
  /** Digest of the files. */
  readonly digest: string;
  /** The policies as they were compiled, before any exception. */
  readonly compiled: readonly CompiledFile[];
  /** What further policies of this folder are compiled with. */
  readonly tools: CompileTools;
  readonly manifest: PolicyManifest;
  /** Expired ones as well. */
  readonly exceptions: readonly PolicyException[];
  /** What is probably not meant, and keeps nothing from being live. */
  readonly warnings: readonly Problem[];
}

/**
 * A policies folder, compiled once for all sets that are made of it: what the control plane lays over it changes often,
 * and the files seldom. What its policies took is given back when the last of those sets is gone.
 */
export class CompiledFolder implements FolderParts {
  readonly digest: string;
  readonly compiled: readonly CompiledFile[];
  readonly tools: CompileTools;
  readonly manifest: PolicyManifest;
  readonly exceptions: readonly PolicyException[];
  readonly warnings: readonly Problem[];
  readonly #disposals: readonly (() => void)[];
  #holders = 0;

  constructor({ compiled, ...parts }: FolderParts) {
    this.digest = parts.digest;
    this.tools = parts.tools;
    this.manifest = parts.manifest;
    this.exceptions = parts.exceptions;
    this.warnings = parts.warnings;
    const { detectors } = parts.tools;
    this.#disposals = [
      ...compiled.flatMap(({ policy }) => (policy?.dispose ? () => policy.dispose?.() : [])),
      ...(detectors === undefined ? [] : [() => detectors.dispose()]),
    ];
    // A set that goes must not dispose what others share.
    this.compiled = compiled.map((file) => {
      if (file.policy?.dispose === undefined) return file;
      const { dispose: _, ...policy } = file.policy;
      return { ...file, policy };
    });
  }

  /**
   * Keeps the policies for one set.
   *
   * @returns gives them back; to be called once, and throws what policies threw while they were disposed
   */
  hold(): () => void {
    this.#holders += 1;
    return () => {
      this.#holders -= 1;
      if (this.#holders > 0) return;
      const failures: unknown[] = [];
      for (const dispose of this.#disposals) {
        try {
          dispose();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} policies could not be disposed`);
    };
  }
}
