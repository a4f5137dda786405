/** Why an expression has no value for one request: an error in the language's sense, which `||` and the like absorb. */
export class CelFailure extends Error {
  /** A stable word, such as `no_such_key`; never a value of the request. */
  readonly code: string;

  constructor(code: string) {
    super(code.replaceAll("_", " "));
    this.name = "CelFailure";
    this.code = code;
  }
}

/** A variable could not be computed: an error of the policy, whatever the expression makes of it. */
export class VariableFailure extends Error {
  constructor(variable: string, cause: unknown) {
    super(`the variable '${variable}' could not be computed`, { cause });
    this.name = "VariableFailure";
  }
}

/** Took more steps than any expression may: an error of the policy, whatever the expression makes of it. */
export class StepsSpent extends Error {
  constructor(most: number) {
    super(`took more than ${most} steps`);
    this.name = "StepsSpent";
  }
}

const known = new Map<string, CelFailure>();

/**
 * Throws the failure of a code. There is one of each: what clients can provoke must not cost a stack trace each time,
 * and a failure holds nothing of the request.
 */
export function fail(code: string): never {
  let failure = known.get(code);
  if (failure === undefined) {
    failure = new CelFailure(code);
    known.set(code, failure);
  }
  throw failure;
}

/** What was thrown, if the language may absorb it; throws it on otherwise. */
export function absorbable(error: unknown): unknown {
  if (error instanceof VariableFailure || error instanceof StepsSpent) throw error;
  return error ?? new CelFailure("unknown");
}
