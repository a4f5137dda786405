import type { Mode } from "./decision.ts";
import { type Phase, phases, type Surface, surfaces } from "./phases.ts";
import type { CompiledPolicy, Scope } from "./policy.ts";

/**
 * What becomes of what a policy says, from the strongest objection to none. `refused`: it could not be enforced, so no
 * live set has it. `held_back`: the stream is held back until it is whole, then decided. `enforced`: decided before
 * anything goes on. `recorded`: asked when the answer is gone. `not_asked`: there is nothing to ask it about.
 */
export const coverageStates = ["refused", "held_back", "enforced", "recorded", "not_asked", "out_of_scope"] as const;

/** One of the {@link coverageStates}; `out_of_scope` of what the policy's scope leaves out. */
export type CoverageState = (typeof coverageStates)[number];

/** What the gateway does with a phase of one surface, when the answer comes whole and when it is streamed. */
interface Standing {
  readonly whole: CoverageState;
  readonly streamed: CoverageState;
}

/** What the gateway does with each phase of each surface. */
export type Standings = Readonly<Record<Phase, Readonly<Record<Surface, Standing>>>>;

/** Surfaces that answer with figures: what comes back has no words, and is never streamed. */
export const wordless: ReadonlySet<Surface> = new Set<Surface>([
  "embeddings",
  "count_tokens",
  "gemini-count-tokens",
  "gemini-embeddings",
  "cohere-embeddings",
  "azure-embeddings",
]);

/** What this version's gateway does: the one place that says what is enforced where. */
export const standings: Standings = {
  request: everywhere({ whole: "enforced", streamed: "enforced" }),
  stream: everywhere({ whole: "not_asked", streamed: "enforced" }),
  response: everywhere({ whole: "enforced", streamed: "held_back" }),
  usage: everywhere({ whole: "recorded", streamed: "recorded" }),
};

/** One policy on one surface, for answers that come whole or for streams. */
export interface CoverageCell {
  readonly surface: Surface;
  readonly stream: boolean;
  /** The strongest objection of its phases. */
  readonly state: CoverageState;
  /** The phases it takes part in; empty when its scope leaves the surface out. */
  readonly phases: Readonly<Partial<Record<Phase, CoverageState>>>;
}

/** Where a policy is enforced: a cell for each surface and kind of answer. */
export interface PolicyCoverage {
  readonly policy: string;
  readonly mode: Mode;
  readonly cells: readonly CoverageCell[];
}

/** Says where a policy is enforced, and how. */
export function coverageOf(
  {
    id,
    mode,
    scope,
    evaluate,
    limits,
    answer,
  }: Pick<CompiledPolicy, "id" | "mode" | "scope" | "evaluate" | "limits" | "answer">,
  known: Standings = standings,
): PolicyCoverage {
  const takesPart = (phase: Phase, stream: boolean) =>
    evaluate[phase] !== undefined ||
    (phase === "request" && limits !== undefined) ||
    // The words of an answer are looked at where they are: in a stream event by event.
    (answer !== undefined && phase === (stream ? "stream" : "response"));
  const cells = surfaces.flatMap((surface) =>
    [false, true].map((stream): CoverageCell => {
      if (!mayBeOn(scope, surface)) return { surface, stream, state: "out_of_scope", phases: {} };
      const states = phases
        .filter((phase) => takesPart(phase, stream))
        .map((phase) => [phase, known[phase][surface][stream ? "streamed" : "whole"]] as const);
      const state = coverageStates.find((one) => states.some(([, other]) => other === one)) ?? "not_asked";
      return { surface, stream, state, phases: Object.fromEntries(states) };
    }),
  );
  return { policy: id, mode, cells };
}

function everywhere(standing: Standing): Standings[Phase] {
  const never: Standing = { ...standing, streamed: "not_asked" };
  const of = (surface: Surface) => (wordless.has(surface) ? never : standing);
  return Object.fromEntries(surfaces.map((surface) => [surface, of(surface)])) as Standings[Phase];
}

function mayBeOn({ surfaces: on, except }: Scope, surface: Surface): boolean {
  if (on !== undefined && !on.includes(surface)) return false;
  // Only an exception that is about nothing else leaves a whole surface out.
  const whole = except !== undefined && Object.keys(except).every((key) => key === "surfaces");
  return !(whole && (except.surfaces?.includes(surface) ?? true));
}
