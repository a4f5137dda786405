import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { fileProblem, type Problem } from "./problem.ts";

/** Largest policy file, in bytes. */
const maxFileBytes = 256 * 1024;
/** Folders inside folders; also what ends a circle of symbolic links. */
const maxDepth = 12;

/**
 * The kinds of files that are read. `library` files are policies that are checked and not put to work by themselves;
 * of a `module`, which TypeScript policies import, only a change of content matters.
 */
export type FileKind = "policy" | "cel" | "typescript" | "exception" | "data" | "manifest" | "library" | "module";

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
}

const manifestName = "sluice.yaml";
const layers = ["org", "teams", "apps"];
const policyFile = /\.policy\.(yaml|yml|json)$/;
const testFile = /\.test\.(yaml|yml)$/;
const laterKinds = /\.(cel|policy\.ts|exception\.(yaml|yml|json)|data\.(yaml|yml|json))$/;
const dataFile = /\.(yaml|yml|json)$/;

/**
 * Reads a policies folder: the manifest and every policy of every layer. `library/**` and tests are passed over, and so
 * is everything that is not named like a policy, such as a README; what looks like a policy and cannot be used is a
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
    if (kind === "ignored") continue;
    if (typeof kind === "object") {
      problems.push(fileProblem(kind.code, name, kind.message));
      continue;
    }
    const text = await readText(entry);
    if (text.ok) files.push({ kind, path: entry.path, label: name, text: text.value });
    else problems.push(fileProblem("C038", name, text.problem));
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
    const message = "this is not the name of a policy file; known: *.policy.yaml and sluice.yaml";
    return toTree(files, [...others, fileProblem("C029", name, message)]);
  }
  if (typeof kind === "object") return toTree(files, [...others, fileProblem(kind.code, name, kind.message)]);
  if (Buffer.byteLength(text) > maxFileBytes) {
    return toTree(files, [...others, fileProblem("C038", name, tooLarge(Buffer.byteLength(text)))]);
  }
  return toTree([...files, { kind, path, label: name, text }], others);
}

function toTree(files: readonly PolicyFile[], problems: readonly Problem[]): PolicyTree {
  const digest = createHash("sha256");
  for (const file of files) digest.update(`${file.path}\0${file.text}\0`);
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
    if (info === null) continue;
    if (info.isDirectory()) {
      if (path !== "library" && path !== "node_modules" && depth < maxDepth) {
        found.push(...(await list(dir, path, depth + 1)));
      }
    } else if (info.isFile()) {
      const stamp = `${info.size} ${info.mtimeMs} ${info.ino}`;
      found.push({ path, absolute, size: info.size, stamp });
    }
  }
  return found;
}

type Kind = FileKind | "ignored" | { readonly code: Problem["code"]; readonly message: string };

function classify(path: string): Kind {
  if (path === manifestName) return "manifest";
  if (testFile.test(path)) return "ignored";
  const [layer = "", ...rest] = path.split("/");
  const name = rest.at(-1) ?? layer;
  const inLayer = layers.includes(layer) && rest.length > 0;
  const isPolicy = policyFile.test(path);

  if (isPolicy || laterKinds.test(path)) {
    if (!inLayer) return misplaced(`policies stand in org/, teams/<team>/ or apps/<app>/; move ${name} into one`);
    if (layer !== "org" && rest.length < 2) {
      return misplaced(`policies of ${layer} stand in a folder of their own: ${layer}/<name>/${name}`);
    }
  }
  if (isPolicy) return "policy";
  const later = laterKinds.exec(path);
  if (later !== null) {
    const message = `files of the kind *${later[0]} are not supported by this version; write a *.policy.yaml`;
    return { code: "C028", message };
  }
  if (dataFile.test(path) && (inLayer || (rest.length === 0 && !path.endsWith(".json")))) {
    const known = "*.policy.yaml, *.test.yaml and sluice.yaml";
    return misplaced(`${name} is named like no kind of policy file; known: ${known}`);
  }
  return "ignored";
}

function misplaced(message: string): Kind {
  return { code: "C029", message };
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
