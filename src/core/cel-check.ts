import type { Phase } from "./phases.ts";

/** An expression that is only asked about. */
export interface CelQuestion {
  readonly expression: string;
  readonly phase: Phase;
  /** Whether it must be a bool that depends on the request, as `when` must. */
  readonly condition: boolean;
  /** Params that it may read, with their defaults. */
  readonly params: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Where it would stand in the policies folder: which named lists and tables it can see. */
  readonly path: string;
}

/** What is to be said of an expression. */
export interface CelReport {
  /** What keeps it from being used; `null` when nothing does. Lines and columns count from 1. */
  readonly problem: {
    readonly code: string;
    readonly line: number;
    readonly column: number;
    readonly length: number;
    readonly message: string;
  } | null;
  /** The CEL type of its value; empty with a problem. */
  readonly type: string;
  /** The facts that it reads. */
  readonly reads: readonly string[];
  readonly params: readonly string[];
  /** The most steps that it can take for one request; 0 with a problem. */
  readonly steps: number;
}
