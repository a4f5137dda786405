import { type FactName, type FactSpec, type Facts, factCatalogue, factEntries } from "../../core/facts.ts";
import { createLocalTime } from "../../core/local-time.ts";
import type { Phase } from "../../core/phases.ts";
import { ConfigErrors, parseConfig } from "../../sdk/config.ts";
import { type Path, PolicyDocument } from "../document.ts";
import type { Problem } from "../problem.ts";
import { factsOf, type GivenFact } from "./facts.ts";
import type { Standings } from "./limits.ts";
import { type Combination, combinationsOf, combinationText } from "./matrix.ts";
import { type CaseContent, type Expectation, type TestFileContent, testFileSchema } from "./schema.ts";

/** One request, made up, and what must come of it. */
export interface TestCase {
  /** As written, with the values of its matrix. */
  readonly name: string;
  /** Its place in the file's list. */
  readonly index: number;
  readonly phase: Phase;
  readonly facts: Facts;
  readonly texts: readonly string[];
  /** How limits stand before the request, by their names. */
  readonly limits: Standings;
  /** Those of them that the case itself names. */
  readonly ownLimits: readonly string[];
  readonly timeZone: string;
  /** Params of the library policies under test. */
  readonly with: Readonly<Record<string, unknown>>;
  /** Where the file gives them. */
  readonly withAt: Path;
  readonly expect: Expectation;
}

/** A `*.test.yaml` file, read. */
export interface TestFile {
  /** As people know it. */
  readonly label: string;
  /** Inside the policies folder. */
  readonly path: string;
  readonly policies: readonly string[];
  readonly cases: readonly TestCase[];
  readonly document: PolicyDocument;
  /** What is wrong with it; a file with problems has no cases. */
  readonly problems: readonly Problem[];
}

/** When requests arrive in files that do not say: a Thursday noon. */
const someTime = "2026-01-01T12:00:00Z";
const schema = testFileSchema();

/** Reads a test file. What is wrong with it is in its problems, with positions. */
export function parseTestFile(label: string, path: string, text: string): TestFile {
  const document = new PolicyDocument(label, text);
  const content = parse(document);
  const cases = content === null ? [] : casesOf(content, document);
  const { problems } = document;
  return {
    label,
    path,
    policies: policiesIn(content ?? document.value),
    cases: problems.length === 0 ? cases : [],
    document,
    problems,
  };
}

/** The policies that a test file names, also when the rest of it is wrong: whoever asks for their tests wants to know. */
function policiesIn(content: unknown): readonly string[] {
  const { policies } = (content ?? {}) as { policies?: unknown };
  return Array.isArray(policies) ? policies.filter((id) => typeof id === "string") : [];
}

function parse(document: PolicyDocument): TestFileContent | null {
  if (document.problems.length > 0) return null;
  try {
    return parseConfig(schema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
    return null;
  }
}

function casesOf(content: TestFileContent, document: PolicyDocument): TestCase[] {
  const timeZone = content.timeZone ?? "UTC";
  if (!isTimeZone(timeZone))
    document.report("C023", ["timeZone"], `'${timeZone}' is no time zone; such as Europe/Berlin`);
  const seen = new Set<string>();
  return content.cases.flatMap((one, index) => {
    if (seen.has(one.name)) document.report("C092", ["cases", index, "name"], `the case '${one.name}' is there twice`);
    seen.add(one.name);
    if (Object.keys(one.expect).length === 0) {
      document.report("C023", ["cases", index, "expect"], "nothing is expected, so the case could not fail");
    }
    const combinations = combinationsOf(one.matrix ?? {}, document, ["cases", index, "matrix"]);
    checkPhase(one, content, combinations, document, index);
    if (document.problems.length > 0) return [];
    return combinations.map((combination) => toCase(one, index, content, combination, timeZone));
  });
}

function toCase(
  one: CaseContent,
  index: number,
  content: TestFileContent,
  combination: Combination,
  timeZone: string,
): TestCase {
  const given = new Map<FactName, GivenFact>();
  for (const input of [content.defaults, one.input]) {
    for (const [name, value] of factsIn(input)) given.set(name, { value });
  }
  for (const { path, value } of combination) {
    if (path.key === undefined) given.set(path.fact, { value });
    else given.set(path.fact, { value: { ...mapIn(given.get(path.fact)), [path.key]: value } });
  }
  for (const mocks of [content.mocks, one.mocks]) {
    for (const [name, mock] of Object.entries(mocks ?? {})) {
      if (name !== "limits") given.set(name as FactName, isFailing(mock) ? mock : { value: mock });
    }
  }
  const localTime = createLocalTime();
  const facts = factsOf(given, new Date(content.now ?? someTime), (now) => localTime(now, timeZone));
  return {
    name: one.name + combinationText(combination),
    index,
    phase: phaseOf(one, content),
    facts,
    texts: ((one.input?.content ?? content.defaults?.content) as readonly string[] | undefined) ?? [],
    limits: { ...(content.mocks?.limits as Standings | undefined), ...(one.mocks?.limits as Standings | undefined) },
    ownLimits: Object.keys(one.mocks?.limits ?? {}),
    timeZone,
    with: { ...content.with, ...one.with },
    withAt: one.with !== undefined ? ["cases", index, "with"] : content.with !== undefined ? ["with"] : ["policies"],
    expect: one.expect,
  };
}

/** A fact of a later phase in a case of an earlier one would have no effect: most likely the phase was forgotten. */
function checkPhase(
  one: CaseContent,
  content: TestFileContent,
  combinations: readonly Combination[],
  document: PolicyDocument,
  index: number,
): void {
  const phase = phaseOf(one, content);
  const check = (fact: FactName, path: Path) => {
    const { phases }: FactSpec = factCatalogue[fact];
    if (phases.includes(phase)) return;
    const message = `'${fact}' can be read in ${phases.join(" and ")}, and this case is of phase ${phase}; set input.phase`;
    document.report("C091", path, message, "key");
  };
  for (const [fact] of factsIn(one.input)) check(fact, ["cases", index, "input", ...fact.split(".")]);
  for (const { path } of combinations[0] ?? []) check(path.fact, ["cases", index, "matrix", path.fact]);
  for (const fact of Object.keys(one.mocks ?? {})) {
    if (fact !== "limits") check(fact as FactName, ["cases", index, "mocks", fact]);
  }
}

function phaseOf(one: CaseContent, content: TestFileContent): Phase {
  return ((one.input?.phase ?? content.defaults?.phase) as Phase | undefined) ?? "request";
}

/** The facts that an input gives, in the catalogue's order. */
function factsIn(input: Readonly<Record<string, unknown>> | undefined): [FactName, unknown][] {
  return factEntries.flatMap(([name]) => {
    const [root, field] = name.split(".") as [string, string | undefined];
    const owner = input?.[root];
    const value = field === undefined ? owner : (owner as Record<string, unknown> | undefined)?.[field];
    return value === undefined ? [] : [[name, value] as [FactName, unknown]];
  });
}

function mapIn(given: GivenFact | undefined): object {
  return given !== undefined && "value" in given ? (given.value as object) : {};
}

function isFailing(mock: unknown): mock is { readonly error: string } {
  const error = (mock as { readonly error?: unknown } | null)?.error;
  return typeof error === "string" && Object.keys(mock as object).length === 1;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
