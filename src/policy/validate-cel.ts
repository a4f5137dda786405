import type { Cel, CompiledCel } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import { checkVaries } from "../cel/constant.ts";
import type { CelParam, ParamType } from "../cel/names.ts";
import type { CelQuestion, CelReport } from "../core/cel-check.ts";
import type { SeesFile } from "../core/policy-directory.ts";
import { readData } from "./data.ts";
import { SourceText } from "./problem.ts";
import { labelOf, readPolicyTree, seenTree } from "./tree.ts";

/**
 * Checks one CEL expression as a policy of this folder would be checked, without touching what is live.
 *
 * @param dir the policies folder, whose named lists and tables it may read
 */
export async function validateCel(cel: Cel, dir: string, question: CelQuestion, sees?: SeesFile): Promise<CelReport> {
  const { expression, phase, condition, path } = question;
  const { files } = seenTree(await readPolicyTree(dir, labelOf(dir)), sees);
  // Problems of the data files are told where the folder is checked.
  const data = readData(
    files.filter(({ kind }) => kind === "data"),
    [],
  ).visibleTo(path);
  const params = Object.fromEntries(Object.entries(question.params).map(([name, value]) => [name, toParam(value)]));
  try {
    const compiled = condition
      ? varying(cel.condition(expression, phase, { params, data }))
      : cel.compile(expression, phase, { params, data });
    const { type, reads, params: read, bound } = compiled;
    return { problem: null, type, reads, params: read, steps: Math.ceil(bound.steps) };
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    const { code, line, column, length, message } = new SourceText(path, expression).problem(
      error.code,
      error.message,
      error.start,
      error.end,
    );
    return { problem: { code, line, column, length, message }, type: "", reads: [], params: [], steps: 0 };
  }
}

/** @throws CelProblem when it is the same for every request */
function varying(compiled: CompiledCel): CompiledCel {
  checkVaries(compiled);
  return compiled;
}

function toParam(value: CelParam["value"]): CelParam {
  return { type: typeOf(value), value };
}

function typeOf(value: CelParam["value"]): ParamType {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int" : "double";
  return "list<string>";
}
