import { children, type Node } from "./ast.ts";
import { type Block, type Code, FunctionWriter, literal, NotCompilable } from "./code.ts";
import { maxSteps } from "./cost.ts";
import { kindOf } from "./generate-calls.ts";
import {
  arithmetic,
  isConcrete,
  isEmpty,
  isOpaque,
  knownElements,
  only,
  operandsOf,
  readsVariable,
  scalars,
  templateOf,
  timeOperators,
  typeName,
} from "./generate-nodes.ts";
import { narrow } from "./ints.ts";
import { DURATION, inside, TIMESTAMP } from "./types.ts";

/** The code that reads a name of the expression's environment, such as a fact; `null` for one it does not know. */
export type NameReader = (name: string, writer: FunctionWriter) => Code | null;

/** An expression as one function. Ints of its value, also inside lists and maps, are as {@link narrow} makes them. */
export type Generated = (facts: unknown, scope: unknown) => unknown;

/**
 * Makes a function of a checked tree, with the meaning that evaluating it by the library has; `null` when there is
 * something in it that only the library takes.
 */
export function generate(root: Node, read: NameReader): Generated | null {
  const writer = new FunctionWriter();
  try {
    const emitter = new Emitter(writer, read);
    return writer.build(writer.block(() => emitter.emit(root)));
  } catch (error) {
    // An EvalError: a process that must not make code from text.
    if (error instanceof NotCompilable || error instanceof EvalError) return null;
    throw error;
  }
}

class Emitter {
  readonly #writer: FunctionWriter;
  readonly #read: NameReader;
  /** Variables of the macros around, and the names they have in the code. */
  readonly #bound = new Map<string, string>();

  constructor(writer: FunctionWriter, read: NameReader) {
    this.#writer = writer;
    this.#read = read;
  }

  /** Writes what has to run before, and gives the code of the value. */
  emit(node: Node): Code {
    // Where the checker knows no type, the value's own decides at each evaluation. An empty list needs none.
    if (!isConcrete(typeName(node)) && !isEmpty(node)) throw new NotCompilable(typeName(node));
    switch (node.op) {
      case "value":
        return this.#value(node.args, typeName(node));
      case "id":
        return this.#name(node.args as string);
      case ".":
      case "[]":
        return this.#access(node);
      case "call":
      case "rcall":
        return this.#call(node);
      case "list":
        return this.#list(node);
      case "map":
        return this.#map(node);
      case "!_": {
        const inner = this.emit(only(node.args as Node, "bool"));
        return { text: `(!${inner.text})`, fails: inner.fails };
      }
      case "-_": {
        const inner = this.emit(node.args as Node);
        if (typeName(node) === "double") return { text: `(-${inner.text})`, fails: inner.fails };
        only(node, "int");
        return { text: this.#writer.call("negate", inner.text), fails: true };
      }
      case "&&":
      case "||":
        return this.#logical(node, node.op === "||");
      case "?:":
        return this.#ternary(node);
      case "in":
        return this.#membership(node);
      case "==":
      case "!=":
        return this.#equality(node);
      default:
        return this.#binary(node);
    }
  }

  /**
   * Writes operands that all have a value, or none has. Their order does not show, unless one of them reads a variable:
   * its failure is not absorbed, so whether it comes before another one's is part of the meaning.
   */
  #operands(nodes: readonly Node[], backward = false): readonly Code[] {
    const pinned = nodes.length > 1 && nodes.some(readsVariable);
    const codes = new Array<Code>(nodes.length);
    for (let step = 0; step < nodes.length; step += 1) {
      const i = backward ? nodes.length - 1 - step : step;
      const code = isOpaque(nodes[i]!) ? this.#opaque(nodes[i]!) : this.emit(nodes[i]!);
      codes[i] = pinned && code.fails ? this.#pin(code) : code;
    }
    return codes;
  }

  /** Evaluates here and now, instead of where the value is used. */
  #pin({ text, fails }: Code): Code {
    const name = this.#writer.name("r");
    this.#writer.line(`const ${name} = ${text};`);
    return { text: name, fails };
  }

  #value(value: unknown, type: string): Code {
    return { text: this.#constantText(value, type), fails: false };
  }

  #constantText(value: unknown, type: string): string {
    if (typeof value === "bigint") return literal(narrow(value));
    if (typeof value === "string" || typeof value === "boolean") return literal(value);
    if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return literal(value);
    if (typeof value === "number" || type === TIMESTAMP || type === DURATION) return this.#writer.constant(value);
    // Params and named data.
    if (/^(list|map)<[a-z, ]+>$/.test(type)) return this.#writer.constant(inside(type)(value));
    throw new NotCompilable(type);
  }

  #name(name: string): Code {
    const local = this.#bound.get(name);
    if (local !== undefined) return { text: local, fails: false };
    const code = this.#read(name, this.#writer);
    if (code === null) throw new NotCompilable(name);
    return code;
  }

  #access(node: Node): Code {
    const [left, right] = node.args as [Node, Node | string];
    const kind = kindOf(left);
    if (kind !== "list" && kind !== "map") throw new NotCompilable(kind);
    const helper = kind === "list" ? "at" : typeName(node) === "string" ? "textField" : "field";
    if (typeof right === "string") {
      return { text: this.#writer.call(helper, this.emit(left).text, literal(right)), fails: true };
    }
    only(right, kind === "list" ? "int" : "string");
    const [holder, key] = this.#operands([left, right]) as [Code, Code];
    return { text: this.#writer.call(helper, holder.text, key.text), fails: true };
  }

  #call(node: Node): Code {
    if (node.op === "rcall" && node.meta.alternate !== undefined) return this.#macro(node);
    if (node.op === "call" && (node.args as [string])[0] === "has") return this.#has(node);
    const template = templateOf(node);
    const args = this.#operands(children(node), true);
    return {
      text: template.write(this.#writer, ...args.map(({ text }) => text)),
      fails: template.fails || args.some(({ fails }) => fails),
    };
  }

  /** A pattern, made when the expression was. */
  #opaque(node: Node): Code {
    return { text: this.#writer.constant(node.args), fails: false };
  }

  #has(node: Node): Code {
    const arg = (node.args as [string, Node[]])[1][0]!;
    const [holder, key] = arg.args as [Node, string];
    // What has() asks in is not checked by the library, which leaves names without a type.
    if (holder.op !== "id" || kindOf(holder) !== "map") throw new NotCompilable("has");
    const map = this.emit(holder);
    return { text: this.#writer.call("has", map.text, literal(key)), fails: map.fails };
  }

  #list(node: Node): Code {
    const elements = this.#operands(node.args as Node[], true);
    return { text: `[${elements.map(({ text }) => text).join(", ")}]`, fails: elements.some(({ fails }) => fails) };
  }

  #map(node: Node): Code {
    const pairs = node.args as [Node, Node][];
    const values = this.#operands(pairs.map(([, value]) => value));
    const entries = pairs.map(([key], i) => {
      if (key.op !== "value" || typeof key.args !== "string") throw new NotCompilable("key");
      // In an object literal this one would be the prototype.
      if (["__proto__", "constructor", "prototype"].includes(key.args)) throw new NotCompilable(key.args);
      return `${literal(key.args)}: ${values[i]!.text}`;
    });
    return { text: `({ ${entries.join(", ")} })`, fails: values.some(({ fails }) => fails) };
  }

  /**
   * `||` is true when one operand is true, `&&` false when one is false, even if an operand before it fails. Where
   * none before the last can fail, that is what the operators of the generated language do as well.
   */
  #logical(node: Node, or: boolean): Code {
    const writer = this.#writer;
    const operands = operandsOf(node, node.op).map((operand) => writer.block(() => this.emit(only(operand, "bool"))));
    const before = operands.slice(0, -1);
    const last = operands.at(-1)!;
    if (operands.every(({ lines }) => lines.length === 0) && before.every(({ fails }) => !fails)) {
      return { text: `(${operands.map(({ text }) => text).join(or ? " || " : " && ")})`, fails: last.fails };
    }

    const result = writer.name("r");
    const failure = writer.name("e");
    const absorbs = before.some(({ fails }) => fails);
    writer.line(`let ${result} = ${!or}${absorbs ? `, ${failure}` : ""};`);
    writer.line(`${result}_: {`);
    for (const { lines, text, fails } of before) {
      const decided = `if (${or ? text : `!${text}`}) { ${result} = ${or}; break ${result}_; }`;
      if (fails) {
        const caught = `catch (x) { ${failure} = ${writer.call("absorbable", "x")}; }`;
        writer.line(`try { ${[...lines, decided].join("\n")} } ${caught}`);
      } else writer.line(`{ ${[...lines, decided].join("\n")} }`);
    }
    for (const line of last.lines) writer.line(line);
    if (absorbs) {
      const decided = `if (${or ? last.text : `!${last.text}`}) ${result} = ${or};`;
      writer.line(`${decided} else if (${failure} !== undefined) throw ${failure};`);
    } else writer.line(`${result} = ${last.text};`);
    writer.line("}");
    return { text: result, fails: absorbs || last.fails };
  }

  #ternary(node: Node): Code {
    const writer = this.#writer;
    const [test, ...branches] = node.args as [Node, Node, Node];
    const condition = this.emit(only(test, "bool"));
    const [yes, no] = branches.map((branch) => writer.block(() => this.emit(branch))) as [Block, Block];
    const fails = condition.fails || yes.fails || no.fails;
    if (yes.lines.length === 0 && no.lines.length === 0) {
      return { text: `(${condition.text} ? ${yes.text} : ${no.text})`, fails };
    }
    const result = writer.name("r");
    writer.line(`let ${result};`);
    const branch = ({ lines, text }: Block) => `{ ${[...lines, `${result} = ${text};`].join("\n")} }`;
    writer.line(`if (${condition.text}) ${branch(yes)} else ${branch(no)}`);
    return { text: result, fails };
  }

  #membership(node: Node): Code {
    const writer = this.#writer;
    const [value, holder] = node.args as [Node, Node];
    const kind = kindOf(holder);
    if (kind === "map") {
      only(value, "string");
      const [key, map] = this.#operands([value, holder]) as [Code, Code];
      return { text: writer.call("has", map.text, key.text), fails: map.fails || key.fails };
    }
    if (kind !== "list") throw new NotCompilable(kind);
    const known = knownElements(holder);
    if (known !== null) {
      const { text, fails } = this.emit(value);
      return { text: `${writer.constant(new Set(known))}.has(${text})`, fails };
    }
    const [needle, list] = this.#operands([value, holder]) as [Code, Code];
    const fails = needle.fails || list.fails;
    // The engine's own comparison of texts, ints and bools is that of the language.
    const quick = ["string", "int", "bool"].includes(typeName(value));
    if (quick) return { text: `${list.text}.includes(${needle.text})`, fails };
    return { text: writer.call("includes", list.text, needle.text), fails };
  }

  #equality(node: Node): Code {
    const [left, right] = node.args as [Node, Node];
    const type = typeName(left);
    const negated = node.op === "!=";
    if (type !== typeName(right) && !(kindOf(left) === kindOf(right) && !scalars.has(type))) {
      throw new NotCompilable(`${type} == ${typeName(right)}`);
    }
    const [a, b] = this.#operands([left, right]) as [Code, Code];
    const fails = a.fails || b.fails;
    const quick = scalars.has(type) && type !== TIMESTAMP && type !== DURATION;
    if (quick) return { text: `(${a.text} ${negated ? "!==" : "==="} ${b.text})`, fails };
    return { text: `${negated ? "!" : ""}${this.#writer.call("equal", a.text, b.text)}`, fails };
  }

  #binary(node: Node): Code {
    const writer = this.#writer;
    const [left, right] = node.args as [Node, Node];
    const [a, b] = this.#operands([left, right]) as [Code, Code];
    const fails = a.fails || b.fails;
    const types = `${kindOf(left)} ${kindOf(right)}`;
    if (["<", "<=", ">", ">="].includes(node.op)) {
      if (types === `${DURATION} ${DURATION}`) {
        return { text: `(${writer.call("compareSpans", a.text, b.text)} ${node.op} 0)`, fails };
      }
      if (types === `${TIMESTAMP} ${TIMESTAMP}`) {
        return { text: `(${a.text}.getTime() ${node.op} ${b.text}.getTime())`, fails };
      }
      const mixed = types === "int double" || types === "double int";
      if (!mixed && (left.checkedType?.name !== right.checkedType?.name || !scalars.has(typeName(left)))) {
        throw new NotCompilable(types);
      }
      return { text: `(${a.text} ${node.op} ${b.text})`, fails };
    }
    if (types === "int int" && arithmetic[node.op] !== undefined) {
      return { text: writer.call(arithmetic[node.op]!, a.text, b.text), fails: true };
    }
    const plain =
      (types === "double double" && ["+", "-", "*", "/"].includes(node.op)) ||
      (types === "string string" && node.op === "+");
    if (plain) return { text: `(${a.text} ${node.op} ${b.text})`, fails };
    if (types === "list list" && node.op === "+") return { text: `[...${a.text}, ...${b.text}]`, fails };
    const time = timeOperators[`${types} ${node.op}`];
    if (time === undefined) throw new NotCompilable(`${types} ${node.op}`);
    return { text: writer.call(time, a.text, b.text), fails: true };
  }

  #macro(node: Node): Code {
    const writer = this.#writer;
    const [name, receiver, [variable, ...body]] = node.args as [string, Node, [Node, ...Node[]]];
    const kind = kindOf(receiver);
    if (kind !== "list" && receiver.checkedType?.keyType?.name !== "string") throw new NotCompilable(kind);
    const range = this.emit(receiver);
    const list = writer.name("l");
    writer.line(`const ${list} = ${kind === "map" ? `Object.keys(${range.text})` : range.text};`);

    const element = writer.name("x");
    const word = variable.args as string;
    const outer = this.#bound.get(word);
    this.#bound.set(word, element);
    const parts = body.map((part) => writer.block(() => this.emit(part)));
    if (outer === undefined) this.#bound.delete(word);
    else this.#bound.set(word, outer);

    const result = writer.name("r");
    const loop = (lines: () => void) => {
      const index = writer.name("i");
      writer.line(`for (let ${index} = 0; ${index} < ${list}.length; ${index} += 1) {`);
      writer.step(maxSteps);
      writer.line(`const ${element} = ${list}[${index}];`);
      lines();
      writer.line("}");
    };
    const put = ({ lines, text }: Block, then: (text: string) => string) =>
      writer.line([...lines, then(text)].join("\n"));
    const fails = range.fails || parts.some((part) => part.fails);

    switch (name) {
      case "all":
      case "exists": {
        const exists = name === "exists";
        only(body[0]!, "bool");
        const predicate = parts[0]!;
        const decided = (text: string) => `if (${exists ? text : `!${text}`}) { ${result} = ${exists}; break; }`;
        const failure = writer.name("e");
        writer.line(`let ${result} = ${!exists}${predicate.fails ? `, ${failure}` : ""};`);
        loop(() => {
          if (!predicate.fails) return put(predicate, decided);
          writer.line("try {");
          put(predicate, decided);
          writer.line(`} catch (x) { ${failure} ??= ${writer.call("absorbable", "x")}; }`);
        });
        if (predicate.fails) writer.line(`if (${result} === ${!exists} && ${failure} !== undefined) throw ${failure};`);
        return { text: result, fails };
      }
      case "exists_one":
        only(body[0]!, "bool");
        writer.line(`let ${result} = 0;`);
        loop(() => put(parts[0]!, (text) => `if (${text}) ${result} += 1;`));
        return { text: `(${result} === 1)`, fails };
      case "filter":
        only(body[0]!, "bool");
        writer.line(`const ${result} = [];`);
        loop(() => put(parts[0]!, (text) => `if (${text}) ${result}.push(${element});`));
        return { text: result, fails };
      case "map": {
        writer.line(`const ${result} = [];`);
        const [test, mapped] = parts.length === 2 ? [parts[0]!, parts[1]!] : [undefined, parts[0]!];
        if (test !== undefined) only(body[0]!, "bool");
        loop(() => {
          if (test !== undefined) put(test, (text) => `if (!${text}) continue;`);
          put(mapped, (text) => `${result}.push(${text});`);
        });
        return { text: result, fails };
      }
      default:
        throw new NotCompilable(name);
    }
  }
}
