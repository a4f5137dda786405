import type { Cel, CelNames } from "../cel/cel.ts";
import type { PolicyDocument } from "./document.ts";
import type { PluginDirectory } from "./plugin.ts";

/** Where problems of a policy are noted: its file, or the file that put a library policy to work. */
export type Notes = Pick<
  PolicyDocument,
  "problems" | "broken" | "report" | "reportRange" | "reportCel" | "reportConfig"
>;

/** What the parts of one policy are compiled with. */
export interface PolicyContext {
  readonly id: string;
  readonly notes: Notes;
  readonly cel: Cel;
  readonly registry: PluginDirectory;
  /** The named data of the policy's folder. */
  readonly data: NonNullable<CelNames["data"]>;
  /** The headers that policies may read; absent when that is not known. */
  readonly headers?: readonly string[];
}
