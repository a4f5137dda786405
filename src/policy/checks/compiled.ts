import type { CompiledPolicy } from "../../core/policy.ts";
import type { CompiledFile } from "../compile.ts";

/** A policy file that was compiled without a problem. */
export type Compiled = CompiledFile & { readonly policy: CompiledPolicy };

/** Whether it was. */
export function isCompiled(file: CompiledFile): file is Compiled {
  return file.policy !== undefined;
}
