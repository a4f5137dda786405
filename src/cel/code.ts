import { type Helper, runtime } from "./runtime.ts";

/** The code of one value: an expression that stands for itself, so it can be put anywhere, once. */
export interface Code {
  readonly text: string;
  /** Whether evaluating it can fail. */
  readonly fails: boolean;
}

/** Statements, and the value they lead up to. */
export interface Block extends Code {
  readonly lines: readonly string[];
}

/** Something that the generator has no code for; the library evaluates such expressions. */
export class NotCompilable extends Error {}

/**
 * Collects the text of one generated function.
 *
 * What reaches the text are names made here, names of the runtime's helpers, declared names that {@link identifier}
 * lets through, and literals that {@link literal} quotes. No text of an expression gets there any other way.
 */
export class FunctionWriter {
  #lines: string[] = [];
  readonly #constants: unknown[] = [];
  readonly #helpers = new Set<Helper>();
  readonly #kept = new Map<string, string>();
  #names = 0;
  #loops = false;

  /** A name that nothing else has. */
  name(prefix: "x" | "r" | "e" | "l" | "i"): string {
    return `${prefix}${this.#names++}`;
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** What is written by `write` goes into a block of its own. */
  block(write: () => Code): Block {
    const outer = this.#lines;
    this.#lines = [];
    try {
      const { text, fails } = write();
      return { lines: this.#lines, text, fails };
    } finally {
      this.#lines = outer;
    }
  }

  /** A call of a helper. */
  call(helper: Helper, ...args: readonly string[]): string {
    return `${this.helper(helper)}(${args.join(", ")})`;
  }

  helper(helper: Helper): string {
    this.#helpers.add(helper);
    return helper;
  }

  /** A value that no literal stands for, made once for all evaluations. */
  constant(value: unknown): string {
    this.#constants.push(value);
    return `k${this.#constants.length - 1}`;
  }

  /** Code whose value is found at its first use in an evaluation, and kept until its end. */
  keep(text: string): string {
    let name = this.#kept.get(text);
    if (name === undefined) {
      name = `v${this.#kept.size}`;
      this.#kept.set(text, name);
    }
    return `(${name} ??= ${text})`;
  }

  /** One step of a loop. Outside of what absorbs failures it could not be swallowed; inside, it is thrown on. */
  step(most: number): void {
    this.#loops = true;
    this.line(`if (++n > ${most}) ${this.call("stepsSpent")};`);
  }

  /** The function: takes the facts and the scope. Keeps nothing between two calls. */
  build({ lines, text }: Block): (facts: unknown, scope: unknown) => unknown {
    const heads = [
      ...(this.#helpers.size > 0 ? [`const { ${[...this.#helpers].join(", ")} } = h;`] : []),
      ...this.#constants.map((_, i) => `const k${i} = k[${i}];`),
    ];
    const locals = [...this.#kept.values(), ...(this.#loops ? ["n = 0"] : [])];
    const body = [...(locals.length > 0 ? [`let ${locals.join(", ")};`] : []), ...lines, `return ${text};`];
    const source = ['"use strict";', ...heads, "return function evaluate(f, s) {", ...body, "};"].join("\n");
    return new Function("h", "k", source)(runtime, this.#constants);
  }
}

/** A declared name as it is. Nothing but such names is ever put into code unquoted. */
export function identifier(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new NotCompilable(`'${name}' is no identifier`);
  return name;
}

/** A literal of the generated language for a text, a bool or a number. */
export function literal(value: string | boolean | number | bigint): string {
  if (typeof value === "string") {
    return JSON.stringify(value).replace(/[\u2028\u2029]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16)}`);
  }
  return typeof value === "bigint" ? `(${value}n)` : typeof value === "number" ? `(${value})` : String(value);
}
