import { createHash } from "node:crypto";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { SeesFile } from "../core/policy-directory.ts";
import { classify, type FileKind } from "./kinds.ts";
import { fileProblem, type Problem } from "./problem.ts";

/** Largest policy file, in bytes. */
const maxFileBytes = 256 * 1024;
/** Folders inside folders; also where a circle of symbolic links is noticed. */
const maxDepth = 12;

/** A file of the policies folder, with its content. */
export interface PolicyFile {
  readonly kind: FileKind;
  /** Inside the policies folder, with forward slashes. */
  readonly path: string;
  /** As problems name it. */
  readonly label: string;
  readonly text: string;
}

/** What a policies folder holds. */
export interface PolicyTree {
  readonly files: readonly PolicyFile[];
  readonly problems: readonly Problem[];
  /** `sha256:…` over the paths and contents of the files, and over what is wrong. */
  readonly digest: string;
}

/** A file found, before it is read. */
interface Entry {
  readonly path: string;
  readonly absolute: string;
  readonly size: number;
  readonly stamp: string;
  /** Why it cannot be read, when that shows already; `whatever` when its name says nothing of what it would be. */
  readonly problem?: { readonly message: string; readonly whatever: boolean };
}

/**
 * Reads a policies folder: the manifest, the library and every file of every layer. Tests are passed over, and so is
 * everything that is not named like a policy, such as a README; what looks like a policy and cannot be used is a
 * problem.
 *
 * @param label what problems call the folder
 */
export async function readPolicyTree(dir: string, label = labelOf(dir)): Promise<PolicyTree> {
  const problems: Problem[] = [];
  const files: PolicyFile[] = [];
  let entries: Entry[] = [];
  try {
    entries = await list(dir);
  } catch (error) {
    problems.push(fileProblem("C038", label, `the policies folder cannot be read: ${reason(error)}`));
  }
  for (const entry of entries) {
    const name = `${label}/${entry.path}`;
    const kind = classify(entry.path);
    if (entry.problem !== undefined && (kind !== "ignored" || entry.problem.whatever)) {
      problems.push(fileProblem("C038", name, entry.problem.message));
    } else if (typeof kind === "object") {
      problems.push(fileProblem(kind.code, name, kind.message));
    } else if (kind !== "ignored") {
      const text = await readText(entry);
      if (text.ok) files.push({ kind, path: entry.path, label: name, text: text.value });
      else problems.push(fileProblem("C038", name, text.problem));
    }
  }
  return toTree(files, problems);
}

/**
 * The tree as it would be if the file at `path` (inside the policies folder) held `text`; for looking at a change
 * before it is made.
 */
export function withFile(tree: PolicyTree, path: string, text: string, label: string): PolicyTree {
  const name = `${label}/${path}`;
  const kind = classify(path);
  const files = tree.files.filter((file) => file.path !== path);
  const others = tree.problems.filter(({ file }) => file !== name);
  if (kind === "ignored") {
    const message = "this is not the name of a policy file, such as org/<name>.policy.yaml";
    return toTree(files, [...others, fileProblem("C029", name, message)]);
  }
  if (typeof kind === "object") return toTree(files, [...others, fileProblem(kind.code, name, kind.message)]);
  if (kind === "typescript" || kind === "module") {
    // Looking at it would run it: TypeScript is trusted because it was reviewed where it stands.
    const message = "TypeScript policies are code; they are taken from the policies folder alone";
    return toTree(files, [...others, fileProblem("C028", name, message)]);
  }
  if (Buffer.byteLength(text) > maxFileBytes) {
    return toTree(files, [...others, fileProblem("C038", name, tooLarge(Buffer.byteLength(text)))]);
  }
  return toTree([...files, { kind, path, label: name, text }], others);
}

/**
 * The tree of those files that somebody may know of: beside the manifest, the library and what TypeScript imports. Nothing is
 * told of what is wrong with it.
 */
export function seenTree(tree: PolicyTree, sees: SeesFile | undefined): PolicyTree {
  if (sees === undefined) return tree;
  const shared: readonly FileKind[] = ["manifest", "library", "module"];
  return toTree(
    tree.files.filter(({ kind, path }) => shared.includes(kind) || sees(path)),
    [],
  );
}

/** The tree as it would be without the file at `path`. */
export function withoutFile(tree: PolicyTree, path: string): PolicyTree {
  return toTree(
    tree.files.filter((file) => file.path !== path),
    tree.problems,
  );
}

/** The tree of files that are in good order, in the order in which a folder's are read. */
export function treeOf(files: readonly PolicyFile[]): PolicyTree {
  return toTree(files, []);
}

function toTree(files: readonly PolicyFile[], problems: readonly Problem[]): PolicyTree {
  const digest = createHash("sha256");
  // With its length, so that no text can pass for several files.
  for (const file of files) digest.update(`${file.path}\0${file.text.length}\0${file.text}\0`);
  for (const { file, message } of problems) digest.update(`${file}\0${message}\0`);
  return { files, problems, digest: `sha256:${digest.digest("hex")}` };
}

/**
 * What tells cheaply whether a policies folder may have changed: names, sizes and times of all its files. For
 * filesystems that do not tell of changes.
 */
export async function treeStamp(dir: string): Promise<string> {
  try {
    return (await list(dir)).map(({ path, stamp }) => `${path} ${stamp}`).join("\n");
  } catch (error) {
    return reason(error);
  }
}

function unreadable(path: string, absolute: string, message: string, whatever: boolean): Entry {
  return { path, absolute, size: 0, stamp: message, problem: { message, whatever } };
}

/** The folder as problems name it: relative to the working directory, else only its last part. */
export function labelOf(dir: string): string {
  const path = relative(process.cwd(), dir).replaceAll("\\", "/");
  return path === "" || path.startsWith("..") ? basename(dir) : path;
}

async function list(dir: string, folder = "", depth = 0): Promise<Entry[]> {
  const found: Entry[] = [];
  const names = (await readdir(join(dir, folder))).filter((name) => !name.startsWith(".")).sort();
  for (const name of names) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const absolute = join(dir, path);
    // Followed, not looked at: mounted volumes put symbolic links where the files should be.
    const info = await stat(absolute).catch(() => null);
    if (info === null) {
      // What is gone in the meantime is gone; a link that leads nowhere was written to lead somewhere, and what may not
      // be looked at, as in a folder without the right to search it, may be anything.
      const link = await lstat(absolute).catch((error: NodeJS.ErrnoException) => error);
      if (!(link instanceof Error)) found.push(unreadable(path, absolute, "the link leads nowhere", false));
      else if (link.code !== "ENOENT")
        found.push(unreadable(path, absolute, `it cannot be looked at: ${reason(link)}`, true));
    } else if (info.isDirectory()) {
      if (path === "node_modules") continue;
      if (depth < maxDepth) found.push(...(await list(dir, path, depth + 1)));
      else found.push(unreadable(path, absolute, `folders may be nested ${maxDepth} deep; this one is deeper`, true));
    } else if (info.isFile()) {
      const stamp = `${info.size} ${info.mtimeMs} ${info.ino}`;
      found.push({ path, absolute, size: info.size, stamp });
    } else {
      found.push(unreadable(path, absolute, "this is neither a file nor a folder", false));
    }
  }
  return found;
}

function tooLarge(size: number): string {
  return `${size} bytes are too many; the most is ${maxFileBytes}`;
}

type Text = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string };

async function readText({ absolute, size }: Entry): Promise<Text> {
  if (size > maxFileBytes) return { ok: false, problem: tooLarge(size) };
  try {
    const bytes = await readFile(absolute);
    return { ok: true, value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    if (error instanceof TypeError) return { ok: false, problem: "the file is not UTF-8 text" };
    return { ok: false, problem: `the file cannot be read: ${reason(error)}` };
  }
}

/** Without the path, which would tell of the machine. */
function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "it is not there";
  if (code === "EACCES" || code === "EPERM") return "it may not be read";
  return code ?? "an unexpected failure";
}
