import { badCelFiles } from "./bad-cel.cases.ts";
import { badKinds } from "./bad-kinds.cases.ts";
import { badMeanings } from "./bad-meaning.cases.ts";
import { badPolicies } from "./bad-policies.cases.ts";
import type { CheckCode } from "./checks.ts";

/** A policies folder with something wrong in it: its files, and every problem as it must be reported. */
export interface BadFiles {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** `file:line:column`, code, message. */
  readonly problems: readonly (readonly [at: string, code: CheckCode, message: string])[];
}

/** Each shows one way in which a policies folder is refused; those of TypeScript stand beside its tests. */
export const badFiles: readonly BadFiles[] = [...badPolicies, ...badCelFiles, ...badKinds, ...badMeanings];
