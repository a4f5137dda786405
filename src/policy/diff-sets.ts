import type { OnError } from "../core/decision.ts";
import type { DiffKind } from "../core/revisions.ts";
import { readPolicy } from "./content.ts";
import { type DataNames, type NamedData, readData } from "./data.ts";
import { PolicyDocument } from "./document.ts";
import { type FileKind, policyId } from "./kinds.ts";
import { isLibraryId, type Library, useLibrary } from "./library.ts";
import { type PolicyManifest, readManifest } from "./manifest.ts";
import type { PolicyFileContent } from "./schema.ts";
import type { PolicyFile, PolicyTree } from "./tree.ts";

/** What is known of policy types, where it matters for a comparison. */
export interface DiffKnowledge {
  /** What an error counts as in policies of this type that do not say; `undefined` for a type that is not known. */
  onErrorOf(type: string): OnError | undefined;
}

/** Something in a set that can be added, removed or changed. */
export interface DiffItem {
  readonly kind: DiffKind;
  readonly id: string;
  readonly file: PolicyFile;
}

/** A policy set, read so far that it can be compared. It need not be in good order. */
export interface DiffSet {
  readonly items: ReadonlyMap<string, DiffItem>;
  readonly manifest: PolicyManifest;
  readonly data: NamedData;
  readonly library: Library;
}

/** A policy as far as its text says what it is. */
export interface DiffPolicy {
  readonly document: PolicyDocument;
  /** As it is written; `null` of TypeScript and of what cannot be read. */
  readonly written: PolicyFileContent | null;
  /** With what it takes from the library. */
  readonly whole: PolicyFileContent | null;
  readonly data: DataNames;
}

const kinds: Readonly<Record<FileKind, DiffKind>> = {
  policy: "policy",
  cel: "policy",
  typescript: "policy",
  library: "library",
  exception: "exception",
  data: "data",
  manifest: "manifest",
  module: "module",
};

/** Reads a policies folder for a comparison. */
export function readSet({ files }: PolicyTree): DiffSet {
  const ofKind = (kind: FileKind) => files.filter((file) => file.kind === kind);
  const items = files.map((file): [string, DiffItem] => {
    const kind = kinds[file.kind];
    const id = kind === "module" || kind === "manifest" ? file.path : policyId(file.path);
    return [`${kind} ${id}`, { kind, id, file }];
  });
  // What is wrong with them is for those who load them to say.
  return {
    items: new Map(items),
    manifest: readManifest(ofKind("manifest")[0], []).manifest,
    data: readData(ofKind("data"), []),
    library: new Map(ofKind("library").map((file) => [policyId(file.path), readPolicy(file).content])),
  };
}

/** Reads a policy's file. */
export function readDiffPolicy(file: PolicyFile, { data, library }: DiffSet): DiffPolicy {
  const visible = data.visibleTo(file.path);
  if (file.kind === "typescript") {
    return { document: new PolicyDocument(file.label, ""), written: null, whole: null, data: visible };
  }
  const { document, content } = readPolicy(file);
  const readable = document.problems.length === 0 ? content : null;
  const whole = readable !== null && isLibraryId(readable.uses) ? merged(readable, library, document) : readable;
  return { document, written: readable, whole, data: visible };
}

function merged(content: PolicyFileContent, library: Library, document: PolicyDocument): PolicyFileContent | null {
  return useLibrary(content, library, document)?.content ?? null;
}
