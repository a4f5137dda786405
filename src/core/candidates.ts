import type { Snapshot } from "./snapshot.ts";

/** A policy file that is only asked about. */
export interface CandidateFile {
  /** Where it would stand in the policies folder, which makes its id and its language; `db/<name>` for a database policy. */
  readonly path: string;
  /** Its text; `null` for the set without this file. */
  readonly content: string | null;
}

/** Policies that are asked and are never live. */
export interface Candidates {
  /**
   * Compiles the live set with these files in the place of its own, as a load would, and hands it over. It is disposed of
   * when `use` has settled. TypeScript is refused: to compile it is to run it.
   *
   * @throws PolicyRefused when the set would be refused, or a candidate would have no effect
   */
  with<T>(files: readonly CandidateFile[], use: (snapshot: Snapshot) => Promise<T>): Promise<T>;
}
