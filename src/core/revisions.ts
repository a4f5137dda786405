import type { PolicyState } from "./policy-directory.ts";
import type { Page, PageRequest } from "./resources.ts";

/** What git says of the folder that a policy set came from. */
export interface GitLabel {
  /** Full id of the commit that was checked out. */
  readonly commit: string;
  /** `Name <address>`, as the commit has it. */
  readonly author: string;
  /** When it was committed, in milliseconds since the epoch, like every time here. */
  readonly committedAt: number;
  /** Whether the folder held exactly what the commit holds. */
  readonly clean: boolean;
}

/** A policy set that is kept, so that it can be made live again. */
export interface Revision {
  /** `sha256:…` over the paths and contents of its files, and nothing else. */
  readonly id: string;
  /** When it was first seen in good order. */
  readonly retainedAt: number;
  /** When it last went live; `null` when it never did, because it came while another one was pinned. */
  readonly liveAt: number | null;
  readonly policies: number;
  /** `null` outside of a git checkout, and where git cannot be asked. */
  readonly git: GitLabel | null;
  /** What made it live last: an operator's id, or `files` for the policies folder. */
  readonly actor: string;
}

/** A revision that stays live whatever becomes of the files, until it is taken off. */
export interface Pin {
  readonly revision: string;
  /** Id of the operator. */
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Which revision all replicas have pinned, and what it holds, for those that do not keep it. */
export interface SharedPin {
  read(): Promise<PinnedFiles | null>;
  write(next: PinnedFiles | null): Promise<void>;
}

/** A pinned revision and its files. */
export interface PinnedFiles {
  readonly pin: Pin;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

/** A retained revision with what it holds, and how it stands to the running gateway. */
export interface ShownRevision extends Revision {
  /** Whether its files are the ones in force. */
  readonly live: boolean;
  readonly pinned: boolean;
}

/** A file of a revision. */
export interface RevisionFile {
  readonly path: string;
  readonly bytes: number;
}

/** What a change does to what may pass: fewer requests, more, no other ones, or it takes a person to tell. */
export type Tendency = "tightens" | "loosens" | "neither" | "unknown";

/** One difference inside a file, with what it does and why. */
export interface FieldChange {
  /** Where, such as `rules.over-hard-cap.when` or `with.windows.0.requests`. */
  readonly field: string;
  readonly change: "added" | "removed" | "changed";
  /** Absent when it was added. */
  readonly before?: unknown;
  /** Absent when it was removed. */
  readonly after?: unknown;
  readonly tendency: Tendency;
  readonly why: string;
  /** In the later set's file, or in the earlier one's when it is gone; from 1. */
  readonly line: number;
  readonly column: number;
}

/** The kinds of things that two policy sets are compared by. */
export type DiffKind = "policy" | "library" | "exception" | "data" | "manifest" | "module";

/** One policy or other file that is not the same in two sets. */
export interface ItemChange {
  readonly kind: DiffKind;
  readonly id: string;
  readonly change: "added" | "removed" | "changed";
  readonly tendency: Tendency;
  readonly why: string;
  /** As people know it: the policies folder's name and the path inside it. */
  readonly file: string;
  readonly fields: readonly FieldChange[];
}

/** What is different between two policy sets, by meaning and not by line. */
export interface PolicySetDiff {
  /** `sha256:…` of each. */
  readonly base: string;
  readonly head: string;
  readonly items: readonly ItemChange[];
  readonly summary: Readonly<Record<"added" | "removed" | "changed" | Tendency, number>>;
}

/**
 * The policy sets that are kept. An id may be shortened to what no other one begins with, with or without `sha256:`; and
 * it may be `live` for the set in force, `previous` for the one before it, or `latest` for what the policies folder holds.
 */
export interface Revisions {
  /** The last to go live first. */
  list(page: PageRequest): Promise<Page<ShownRevision>>;
  /**
   * @returns `null` when none is kept under that id
   * @throws SluiceError `conflict` when several begin with it, as the others do
   */
  find(id: string): Promise<(ShownRevision & { readonly files: readonly RevisionFile[] }) | null>;
  /** @throws SluiceError `not_found` for either of them */
  diff(base: string, head: string): Promise<PolicySetDiff>;
  /**
   * Makes a revision live at once, and pins it: what the folder holds is from then on checked and kept, and does not go
   * live. `latest` takes the pin off and goes back to the folder.
   *
   * @throws SluiceError `not_found`; `revision_refused` when it does not compile, and nothing has changed
   */
  activate(id: string, by: { readonly actor: string; readonly reason: string }): Promise<PolicyState>;
}
