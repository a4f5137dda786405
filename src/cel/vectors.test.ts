import { beforeAll, describe, expect, test } from "bun:test";
import { tests as suite } from "@bufbuild/cel-spec/testdata/conformance.js";
import { coreFiles, needsMessages, tryVector, type Vector } from "./testing-vectors.ts";
import record from "./vectors.json" with { type: "json" };

/** A test of the specification, with its place in the suite. */
interface Placed {
  readonly place: string;
  readonly vector: Vector;
}

interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: unknown }[];
}

function vectorsOf({ suites = [], tests = [] }: Suite, place: string): readonly Placed[] {
  const own = tests.map(({ original }) => {
    const vector = original as Vector;
    return { place: `${place}/${vector.name}`, vector };
  });
  return [...own, ...suites.flatMap((inner) => vectorsOf(inner, `${place}/${inner.name}`))];
}

/** The vectors of the language's core; `vectors.json` holds how many pass, which may only rise. */
describe("the specification's vectors", () => {
  const vectors = (suite as Suite)
    .suites!.filter(({ name }) => coreFiles.includes(name))
    .flatMap((file) => vectorsOf(file, file.name))
    .filter(({ vector }) => !needsMessages(vector));
  const places = (generated: boolean, outcome: string) =>
    vectors.filter(({ vector }) => tryVector(vector, generated) === outcome).map(({ place }) => place);
  let passed: readonly string[];

  beforeAll(() => {
    passed = places(false, "passed");
    process.stderr.write(`vectors: passed ${passed.length} of ${vectors.length}\n`);
  });

  test("as many pass as ever did; one more has to be written down", () => {
    expect(vectors.length).toBe(record.tests);
    expect(passed.length).toBe(record.passed);
  });

  test("wrong answers that nobody would notice are few, and each is known with its reason", () => {
    expect(places(false, "silent")).toEqual(Object.keys(record.silent));
    expect(Object.keys(record.silent).length).toBeLessThanOrEqual(15);
  });

  test("generated code, where there is some, passes what the library passes", () => {
    const generated = vectors.filter(({ vector }) => tryVector(vector, true) !== "not generated");
    const worse = generated.filter(
      ({ place, vector }) => tryVector(vector, true) !== "passed" && passed.includes(place),
    );
    expect(worse.map(({ place }) => place)).toEqual([]);
    expect(places(true, "passed").length).toBe(record.generated);
    expect(places(true, "silent")).toEqual([]);
  });
});
