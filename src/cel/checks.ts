/** What is checked in every CEL expression before it may run, by code. Codes never change their meaning. */
export const celChecks = {
  C001: "The expression is CEL.",
  C002: "Every name is known.",
  C003: "Every fact can be read in this phase.",
  C004: "Types fit.",
  C005: "A condition is a bool.",
  C006: "The expression is small enough.",
  C007: "The expression cannot take long, whatever the request.",
  C008: "A condition depends on the request.",
  C009: "Patterns are known at load, valid, and match in linear time.",
  C010: "has() asks for a key that can be missing.",
  C011: "Literals are in range and well-formed.",
  C012: "Every function is one that policies may use.",
  C013: "A macro's variable hides no other name.",
  C014: "A fact is compared with values it can have.",
} as const;

/** A code of {@link celChecks}. */
export type CelCheck = keyof typeof celChecks;

/** What is wrong with an expression, and which part of it: offsets into its source. */
export class CelProblem extends Error {
  readonly code: CelCheck;
  readonly start: number;
  readonly end: number;

  constructor(code: CelCheck, message: string, start: number, end: number, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "CelProblem";
    this.code = code;
    this.start = start;
    this.end = Math.max(end, start);
  }
}
