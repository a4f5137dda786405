import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileProblem } from "../problem.ts";
import { labelOf } from "../tree.ts";
import { parseTestFile, type TestFile } from "./cases.ts";

const testFile = /\.test\.(yaml|yml)$/;
const policyEnding = /\.(policy\.(yaml|yml|json|ts)|cel)$/;

/**
 * Reads every test file of a policies folder, those of its library included, in the order of their paths. At once: test
 * runners want to know their tests before anything runs.
 */
export function findTests(dir: string): readonly TestFile[] {
  const names = readdirSync(dir, { recursive: true }).map((name) => String(name).replaceAll("\\", "/"));
  const label = labelOf(dir);
  const wanted = names.filter((name) => testFile.test(name) && !/(^|\/)(\.|node_modules\/)/.test(name)).sort();
  return wanted.map((path) => read(join(dir, path), `${label}/${path}`, path));
}

function read(file: string, label: string, path: string): TestFile {
  try {
    return parseTestFile(label, path, readFileSync(file, "utf8"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const unread = parseTestFile(label, path, "");
    unread.document.problems.splice(0, Infinity, fileProblem("C038", label, `the file cannot be read: ${code}`));
    return unread;
  }
}

/**
 * Whether a test file is meant by an argument of the command line: its path, the path of a folder above it or of a policy
 * that it tests or stands beside, or such a policy's id.
 */
export function isMeant(file: TestFile, argument: string, dir: string, cwd: string): boolean {
  const path = relative(dir, resolve(cwd, argument)).replaceAll("\\", "/");
  if (path === "" || path === file.path || file.path.startsWith(`${path}/`)) return true;
  const id = policyEnding.test(path) ? path.replace(policyEnding, "") : argument;
  // Beside: what a file tests cannot be told when that is what is wrong with it.
  return file.policies.includes(id) || file.path.replace(testFile, "") === id;
}
