import { Environment } from "@marcbachmann/cel-js";
import { factEntries } from "../core/facts.ts";
import { type Phase, phases } from "../core/phases.ts";
import { registerFunctions } from "./functions.ts";

const typeNames: Readonly<Record<string, string>> = { timestamp: "google.protobuf.Timestamp" };

/** Structural limits of one expression. */
export const limits = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 256,
  maxMapEntries: 64,
  maxCallArguments: 8,
} as const;

/** Makes one environment per phase: what its rules can read, each fact a variable named by its whole path. */
export function createEnvironments(): Readonly<Record<Phase, Environment>> {
  const base = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: true,
    enableOptionalTypes: false,
    limits,
  });
  registerFunctions(base);
  const environments = phases.map((phase) => {
    const env = base.clone();
    for (const [name, spec] of factEntries) {
      if (spec.phases.includes(phase)) env.registerVariable(name, typeNames[spec.type] ?? spec.type);
    }
    return [phase, env] as const;
  });
  return Object.fromEntries(environments) as Record<Phase, Environment>;
}
