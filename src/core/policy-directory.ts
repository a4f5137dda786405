import type { CelQuestion, CelReport } from "./cel-check.ts";
import type { OnError } from "./decision.ts";
import type { Phase } from "./phases.ts";
import type { Pin } from "./revisions.ts";
import type { Snapshot } from "./snapshot.ts";

/** A problem found in a policy file. Lines and columns count from 1. */
export interface PolicyProblem {
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** Of what is probably not meant and keeps nothing from being live; absent of everything else. */
  readonly severity?: "warning";
}

/** Where a policy came from. */
export interface PolicySource {
  /** Relative to the policies folder. */
  readonly path: string;
  readonly text: string;
  /** Who answers for it; empty when the file does not say. */
  readonly owner: string;
}

/** Which policy set is live and how the last load went. */
export interface PolicyState {
  readonly revision: string;
  /** 0 while none was loaded yet. */
  readonly loadedAt: number;
  /** `degraded` while the files have problems and an earlier set stays live, `invalid` when there is none. */
  readonly state: "ready" | "degraded" | "invalid";
  readonly problems: readonly PolicyProblem[];
  /** What is probably not meant in the live set. */
  readonly warnings: readonly PolicyProblem[];
  /** Id of the retained revision whose files are live; `none` while none are. */
  readonly files: string;
  /** Whether those files were in the policies folder or were retained from an earlier time. */
  readonly origin: "folder" | "retained" | "none";
  /** What stays live whatever the folder holds; `null` when the folder decides. */
  readonly pin: Pin | null;
  /** Id of what the folder holds in good order and is not live because of the pin; `null` when nothing waits. */
  readonly waiting: string | null;
}

/** One policy type: a plugin as it describes itself. */
export interface PolicyType {
  readonly name: string;
  readonly summary: string;
  readonly phases: readonly Phase[];
  readonly onError: OnError;
  /** JSON Schema of `with`. */
  readonly config: object;
  readonly reads: readonly string[];
  /** The facts that it finds out for rules of other policies. */
  readonly provides: readonly string[];
  readonly reasons: Readonly<
    Record<string, { readonly code: string; readonly status: number; readonly message: string }>
  >;
  readonly examples: readonly unknown[];
  /** The same for people, in Markdown. */
  readonly docs: string;
}

/** Whether somebody may know of a file, by its path inside the policies folder. */
export type SeesFile = (path: string) => boolean;

/** The policies of the running gateway, as the control plane looks at them. */
export interface PolicyDirectory {
  /** The set that new requests are judged by. */
  snapshot(): Snapshot;
  /** Where a policy of that set came from; `null` when it has no file. */
  source(policyId: string): PolicySource | null;
  state(): PolicyState;
  types(): readonly PolicyType[];
  /**
   * Checks a policy file's text as if it stood at `path`, without touching what is live.
   *
   * @param sees the files beside which it is checked, with the manifest and the library, whose problems name what they
   *   hold; all of them when absent
   * @returns every problem found, warnings included; none that is more than a warning means it would load
   */
  validate(
    content: string,
    path: string,
    sees?: SeesFile,
  ): readonly PolicyProblem[] | Promise<readonly PolicyProblem[]>;
  /** Checks one CEL expression as a policy's would be, without touching what is live; `sees` as with `validate`. */
  validateCel(question: CelQuestion, sees?: SeesFile): Promise<CelReport>;
}
