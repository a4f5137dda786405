import type { Page, PageRequest } from "./resources.ts";

/** What somebody did in the control plane, to be noted. Holds no secret and no prompt text. */
export interface AuditNote {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whose it is; `null` for what belongs to the whole deployment. Operators of one organisation see its entries only. */
  readonly organisation?: string | null;
  /** Empty for what came by itself, such as the end of a break-glass. */
  readonly actor: string;
  /** What was done, such as `attach`. */
  readonly action: string;
  /** What it was done to, such as a policy's id or `application chat`. */
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** One entry of the audit log. */
export interface AuditEntry extends Required<AuditNote> {
  /** 1 for the first; no number is left out. */
  readonly seq: number;
  /** Hash of the entry before; 64 zeros before the first. */
  readonly prev: string;
  /** SHA-256, hex, over all the rest of the entry. */
  readonly hash: string;
}

/** Where the log ends: how many entries there are, and the hash of the last one. */
export interface AuditHead {
  /** 0 while the log is empty. */
  readonly seq: number;
  readonly hash: string;
}

/** Selects audit entries. Times are milliseconds; `from` is included, `to` is not. */
export interface AuditFilter {
  readonly organisation?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly from?: number;
  readonly to?: number;
}

/** What looking through the whole log found. */
export interface AuditReport {
  readonly valid: boolean;
  /** Entries that were found in order. */
  readonly entries: number;
  /** The head as the database has it. */
  readonly head: AuditHead;
  /** The first entry that is not as it was written, or not there; `null` when all are. */
  readonly firstBad: { readonly seq: number; readonly problem: string } | null;
}

/** Keeps the head of the audit log elsewhere than in the database, so that a log that was cut short is found. */
export interface AuditAnchor {
  /** The newest head that was ever kept; `null` when there is none. */
  read(): Promise<AuditHead | null>;
  /** Keeps a head, unless a newer one is kept. */
  keep(head: AuditHead): Promise<void>;
}

/** Reads the audit log, which only grows. Entries are added where changes are stored, with them or not at all. */
export interface AuditLog {
  /** Newest first. */
  list(page: PageRequest, filter: AuditFilter): Promise<Page<AuditEntry>>;
  /** The entries after a number, oldest first. */
  after(seq: number, limit: number): Promise<readonly AuditEntry[]>;
  head(): Promise<AuditHead>;
  /**
   * Looks at every entry, oldest first, until one is not in order. Entries that are added meanwhile are looked at, too.
   *
   * @param heads heads that the log had at some time and that were kept elsewhere; entries of theirs must be there
   */
  verify(heads?: readonly AuditHead[]): Promise<AuditReport>;
  /** Calls back after each change of this process that was noted. Returns how to stop that. */
  onAdded(listener: () => void): () => void;
}

/** Notes who did what in the control plane, for what the repositories do not note by themselves. */
export interface Trail {
  note(change: Omit<AuditNote, "at">): Promise<void>;
}
