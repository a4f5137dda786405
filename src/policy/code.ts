import { createRequire } from "node:module";
import type { ParseResult, ParserOptions } from "@babel/parser";
import type { ArrayExpression, Expression, Node, ObjectExpression, Program } from "@babel/types";
import type { CheckCode } from "./checks.ts";
import { type Problem, SourceText } from "./problem.ts";

/** Where a value stands in an object: names of keys and positions in lists. */
export type CodePath = readonly (string | number)[];

/** Loaded at the first problem: a server whose policies are in order does without it. */
function parse(text: string): ParseResult {
  const parser = createRequire(import.meta.url)("@babel/parser") as typeof import("@babel/parser");
  const options: ParserOptions = { sourceType: "module", plugins: ["typescript"], errorRecovery: true };
  return parser.parse(text, options);
}

type Range = readonly [start: number, end: number];

/**
 * Finds places in the text of a TypeScript policy: the object given to `definePolicy`, the literals in it, and imports.
 * What stands nowhere in the text (a value made elsewhere) is where its nearest ancestor stands.
 */
export class PolicyCode {
  readonly source: SourceText;
  readonly problems: Problem[] = [];
  #program: Program | null | undefined;

  constructor(file: string, text: string) {
    this.source = new SourceText(file, text);
  }

  /** Notes a problem with what stands at a path of the policy's object, or with its key. */
  report(code: CheckCode, path: CodePath, message: string, at: "key" | "value" = "value"): void {
    this.problems.push(this.problemAt(code, path, message, at));
  }

  /** A problem with what stands at a path of the policy's object, or with its key; it is not noted. */
  problemAt(code: CheckCode, path: CodePath, message: string, at: "key" | "value" = "value"): Problem {
    return this.source.problem(code, message, ...this.#find(path, at));
  }

  /** Notes a problem with the import of a module. */
  reportImport(code: CheckCode, specifier: string, message: string): void {
    this.problems.push(this.source.problem(code, message, ...this.#importOf(specifier)));
  }

  /** Parsed at the first problem only: code without any is never looked at. */
  get #body(): readonly Node[] {
    if (this.#program === undefined) {
      try {
        this.#program = parse(this.source.text).program;
      } catch {
        this.#program = null;
      }
    }
    return this.#program?.body ?? [];
  }

  #find(path: CodePath, at: "key" | "value"): Range {
    const { range, value } = this.#exported();
    let found = range;
    let node: Node | undefined = value;
    for (const [i, part] of path.entries()) {
      const member = memberOf(this.#resolved(node), part);
      if (member === undefined) break;
      found = rangeOf(at === "key" && i === path.length - 1 ? member.key : member.value);
      node = member.value;
    }
    return found;
  }

  /** The default export: where it stands, and the object that it is or that is given to the function making it. */
  #exported(): { range: Range; value: Node | undefined } {
    const declared = this.#body.find((node) => node.type === "ExportDefaultDeclaration");
    if (declared === undefined) return { range: [0, 1], value: undefined };
    const exported = this.#resolved(declared.declaration);
    if (exported?.type !== "CallExpression") return { range: rangeOf(declared.declaration), value: exported };
    return { range: rangeOf(exported.callee), value: exported.arguments[0] as Expression | undefined };
  }

  /** The expression itself: what a constant of the same file stands for, without the types around it. */
  #resolved(node: Node | undefined, depth = 0): Node | undefined {
    if (node === undefined || depth > 10) return node;
    if (node.type === "TSAsExpression" || node.type === "TSSatisfiesExpression") {
      return this.#resolved(node.expression, depth + 1);
    }
    if (node.type !== "Identifier") return node;
    for (const statement of this.#body) {
      const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (declaration?.type !== "VariableDeclaration") continue;
      const named = declaration.declarations.find(({ id }) => id.type === "Identifier" && id.name === node.name);
      if (named?.init) return this.#resolved(named.init, depth + 1);
    }
    return node;
  }

  #importOf(specifier: string): Range {
    for (const node of this.#body) {
      if (!("source" in node) || !node.source || node.source.type !== "StringLiteral") continue;
      if (node.source.value === specifier) return rangeOf(node.source);
    }
    // Somewhere inside: import("…") and require("…").
    const call = new RegExp(`\\b(?:import|require)\\s*\\(\\s*(["'])${RegExp.escape(specifier)}\\1`).exec(
      this.source.text,
    );
    if (call === null) return [0, 1];
    const end = call.index + call[0].length;
    return [end - specifier.length - 2, end];
  }
}

function memberOf(node: Node | undefined, part: string | number): { key: Node; value: Node } | undefined {
  if (node?.type === "ArrayExpression") {
    const element = (node as ArrayExpression).elements[Number(part)] as Node | null | undefined;
    return element ? { key: element, value: element } : undefined;
  }
  if (node?.type !== "ObjectExpression") return undefined;
  for (const member of (node as ObjectExpression).properties) {
    if (member.type === "SpreadElement" || member.computed) continue;
    const { key } = member;
    const name = key.type === "Identifier" ? key.name : "value" in key ? String(key.value) : "";
    if (name === String(part)) return { key, value: member.type === "ObjectProperty" ? member.value : key };
  }
  return undefined;
}

function rangeOf(node: Node): Range {
  return [node.start ?? 0, node.end ?? 1];
}
