import type { CheckCode } from "./checks.ts";

/**
 * The kinds of files that are read. `library` files are policies that are checked and not put to work by themselves;
 * of a `module`, which TypeScript policies import, only a change of content matters.
 */
export type FileKind = "policy" | "cel" | "typescript" | "exception" | "data" | "manifest" | "library" | "module";

/** The layers, in the order in which they are shown. All of them are evaluated; none loosens another. */
export const layers = ["org", "teams", "apps"] as const;
/** One of the {@link layers}. */
export type Layer = (typeof layers)[number];

/** What a path inside the policies folder stands for: a kind, nothing of interest, or something that cannot be. */
export type Classified = FileKind | "ignored" | { readonly code: CheckCode; readonly message: string };

const manifestName = "sluice.yaml";
const endings: readonly (readonly [RegExp, FileKind])[] = [
  [/\.policy\.(yaml|yml|json)$/, "policy"],
  [/\.cel$/, "cel"],
  [/\.policy\.ts$/, "typescript"],
  [/\.exception\.(yaml|yml|json)$/, "exception"],
  [/\.data\.(yaml|yml|json)$/, "data"],
];
const testFile = /\.test\.(yaml|yml|ts)$/;
const moduleFile = /\.(ts|mts|js|mjs)$/;
/** What someone may have meant to be read: passing it over would leave out rules that were written. */
const looksMeant = /\.(policy|exception|data)\.\w+$|\.cel$/i;
const dataFile = /\.(yaml|yml|json)$/i;
const known = "*.policy.yaml, *.cel, *.policy.ts, *.data.yaml, *.exception.yaml, *.test.yaml and sluice.yaml";

/** Says what the file at this path is, by its name and folder alone. */
export function classify(path: string): Classified {
  if (path === manifestName) return "manifest";
  if (testFile.test(path)) return "ignored";
  const [layer = "", ...rest] = path.split("/");
  const name = rest.at(-1) ?? layer;
  const kind = endings.find(([ending]) => ending.test(path))?.[1];
  if (layer === "library" && rest.length > 0) return inLibrary(name, kind);

  const inLayer = (layers as readonly string[]).includes(layer) && rest.length > 0;
  if (kind !== undefined) {
    if (!inLayer) return misplaced(`policies stand in org/, teams/<team>/ or apps/<app>/; move ${name} into one`);
    if (layer !== "org" && rest.length < 2) {
      return misplaced(`policies of ${layer} stand in a folder of their own: ${layer}/<name>/${name}`);
    }
    return kind;
  }
  const meant =
    looksMeant.test(name) || (dataFile.test(name) && (inLayer || (rest.length === 0 && !/\.json$/i.test(name))));
  if (meant) return misplaced(`${name} is named like no kind of policy file; known: ${known}`);
  return moduleFile.test(name) ? "module" : "ignored";
}

function inLibrary(name: string, kind: FileKind | undefined): Classified {
  if (kind === "policy" || kind === "cel") return "library";
  if (kind === undefined && !looksMeant.test(name) && !dataFile.test(name)) return "ignored";
  return misplaced(`library/ holds *.policy.yaml, *.cel and their *.test.yaml; ${name} is none of them`);
}

function misplaced(message: string): Classified {
  return { code: "C029", message };
}

/** The path is the identity: without the ending. */
export function policyId(path: string): string {
  return path.replace(/\.(policy\.(yaml|yml|json|ts)|cel|(exception|data)\.(yaml|yml|json))$/, "");
}

/**
 * The folder that files share their data and reach in: `org`, `teams/<team>` or `apps/<app>`; `org` as well for what
 * stands in no layer.
 */
export function folderOf(path: string): string {
  const [layer = "", owner = ""] = path.split("/");
  return layer === "teams" || layer === "apps" ? `${layer}/${owner}` : "org";
}
