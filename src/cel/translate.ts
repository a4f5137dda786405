import { children, type Node } from "./ast.ts";
import { type CelCheck, CelProblem } from "./checks.ts";
import { regexMethod, replacements } from "./functions.ts";
import { slip } from "./slips.ts";

interface LibraryError {
  readonly code?: string;
  readonly summary?: string;
  readonly range?: { readonly start: number; readonly end: number };
  readonly node?: unknown;
}

const original: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(replacements).map(([name, own]) => [own, name])),
  [regexMethod]: "re.matches",
  LinearRegex: "pattern",
  GlobPattern: "pattern",
  AddressBlock: "pattern",
  TextSet: "set of texts",
  NumberSet: "set of numbers",
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.Duration": "duration",
};

/** Puts what the library says about an expression into our words, with a code and a range. */
export function translate(error: unknown, source: string): CelProblem {
  if (error instanceof CelProblem) return error;
  const { code, summary, range, node } = error as LibraryError;
  const start = Math.min(range?.start ?? 0, source.length);
  const end = Math.min(range?.end ?? source.length, source.length);
  const make = (check: CelCheck, message: string) => new CelProblem(check, message, start, end, { cause: error });

  if (error instanceof RangeError || code === "limit_exceeded") {
    const limit = summary === undefined ? "" : `: ${lowerFirst(summary)}`;
    return make("C006", `the expression is too large or too deeply nested${limit}`);
  }
  // Errors of parsing have a position; the library throws others without one where types do not fit an empty list.
  if ((error as Error).name === "ParseError") {
    return make("C001", `not a CEL expression: ${slip(source, start) ?? syntax(summary ?? "")}`);
  }
  const typed = typeMessage(code, node as Node | undefined);
  return make("C004", typed ?? plain(lowerFirst(summary ?? (error as Error).message)));
}

function syntax(summary: string): string {
  const words: Readonly<Record<string, string>> = {
    EOF: "the end",
    IDENTIFIER: "a name",
    RPAREN: "')'",
    LPAREN: "'('",
    COLON: "':'",
    RBRACKET: "']'",
    RBRACE: "'}'",
  };
  return lowerFirst(summary).replace(/\b[A-Z]{3,}\b/g, (token) => words[token] ?? token);
}

function typeMessage(code: string | undefined, node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (code === "no_such_overload") {
    const types = children(node).map(typeOf);
    if (types.includes("?")) return undefined;
    const mixed = types.includes("int") && types.includes("double");
    const within = node.op === "in" && types[1] === "string";
    const hint = mixed
      ? "; write a double with a point, such as 10.0, or use double(value)"
      : within
        ? "; for a text in a text write text.contains(part)"
        : "";
    return `'${node.op[0] === "!" && types.length === 1 ? "!" : node.op.replace("_", "")}' does not take ${types.join(" and ")}${hint}`;
  }
  if (code === "no_matching_overload") {
    const [name, ...rest] = node.args as [string, ...unknown[]];
    const receiver = node.op === "rcall" ? `${typeOf(rest[0] as Node)}.` : "";
    const args = (rest.at(-1) as Node[]).map(typeOf);
    const ofList = name === "contains" && receiver.startsWith("list");
    const hint = ofList ? "; for an element of a list write value in list" : "";
    return `${name === regexMethod ? "" : receiver}${plain(name)}() does not take (${args.join(", ")})${hint}`;
  }
  return undefined;
}

function typeOf(node: Node): string {
  return plain(node.checkedType?.name ?? "?");
}

function plain(text: string): string {
  return text.replace(/[\w.]+/g, (word) => original[word] ?? word);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
