import { fileProblem, type Problem } from "../problem.ts";

/** A model that clients can name and whose price nobody knows. */
export interface UnpricedModel {
  readonly model: string;
  /** Where it is configured, as `file:line:column`; absent for a vendor's own name. */
  readonly where?: string;
}

/** Models that would be called without anybody knowing what that costs. */
export function checkPrices(unpriced: readonly UnpricedModel[]): Problem[] {
  return unpriced.map(({ model, where }) => {
    const message = `no price is known for the model '${model}'; set models.${model}.price in the configuration, or models.${model}.unpriced: ok`;
    const [, file, line, column] = /^(.*):(\d+):(\d+)$/.exec(where ?? "") ?? [];
    const problem = fileProblem("C077", file ?? "configuration", message);
    return file === undefined ? problem : { ...problem, line: Number(line), column: Number(column) };
  });
}
