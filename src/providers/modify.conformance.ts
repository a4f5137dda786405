/** What every wire format promises of changed requests. A format's test calls this with its golden cases. */
import { describe, expect, test } from "bun:test";
import type { Modification } from "../core/decision.ts";
import { type ModifiableSpec, modifiableCatalogue } from "../core/modifiable.ts";
import type { WireFormat } from "../core/wire.ts";
import { body } from "./testing.ts";

/** The body before and after, to the letter; without the latter it stays as it is. */
export type GoldenCase = readonly [
  name: string,
  change: Modification | readonly Modification[],
  before: string,
  after?: string,
];

/** A wire format under test. */
export interface ModifiedFormat {
  readonly format: WireFormat;
  /** The path of the call, where the model stands there. */
  readonly url?: string;
  readonly cases: readonly GoldenCase[];
}

/** One change, without a value where there is none. */
export function change(op: Modification["op"], path: string, value?: unknown): Modification {
  return { op, path, ...(value !== undefined && { value }) };
}

/** Runs the golden cases, and finds operations that have none. */
export function testModifications({ format, url = "", cases }: ModifiedFormat): void {
  const listOf = (changes: GoldenCase[1]): readonly Modification[] =>
    Array.isArray(changes) ? (changes as readonly Modification[]) : [changes as Modification];

  describe(`on the surface ${format.surface} nothing but what is named changes`, () => {
    for (const [name, changes, before, after = before] of cases) {
      test(`${listOf(changes)[0]!.path}: ${name}`, () => {
        const view = format.readRequest(body(before), url);
        const bytes = format.writeRequest(view, { modifications: listOf(changes) });
        expect(Buffer.from(bytes).toString()).toBe(after);
        if (after === before) expect(bytes).toBe(view.raw);
        format.readRequest(bytes, url);
      });
    }
  });

  test(`every operation on every part has a golden case on the surface ${format.surface}`, () => {
    const covered = new Set(cases.flatMap(([, changes]) => listOf(changes).map(({ op, path }) => `${op} ${path}`)));
    const missing = Object.entries<ModifiableSpec>(modifiableCatalogue)
      .flatMap(([path, { ops }]) => ops.map((op) => `${op} ${path}`))
      .filter((one) => !covered.has(one));
    expect(missing).toEqual([]);
  });
}

/** Cases for parts that a surface has no place for: the body stays as it is. */
export function unchanged(
  before: string,
  ...paths: readonly (keyof typeof modifiableCatalogue)[]
): readonly GoldenCase[] {
  return paths.flatMap((path) => {
    const spec: ModifiableSpec = modifiableCatalogue[path];
    return spec.ops.map((op) => {
      return [`${op} has nothing to change`, change(op, path, valueFor(op, spec)), before] as const;
    });
  });
}

function valueFor(op: Modification["op"], { type, values }: ModifiableSpec): unknown {
  if (op === "remove") return undefined;
  if (op === "redact") return ["x"];
  if (values !== undefined) return values[0];
  return type === "int" || type === "double" ? 1 : "x";
}
