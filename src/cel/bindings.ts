import { type FactName, type Facts, factEntries } from "../core/facts.ts";
import { sizeGuard } from "./sizes.ts";

/** A variable could not be computed: an error of the policy, whatever the expression makes of it. */
export class VariableFailure extends Error {
  constructor(variable: string, cause: unknown) {
    super(`the variable '${variable}' could not be computed`, { cause });
    this.name = "VariableFailure";
  }
}

/** What a compiled variable offers to the scope that holds it. */
export interface ScopedVariable {
  value(facts: Facts, scope: CelScope): unknown;
}

/**
 * What expressions of one policy read during one evaluation: the request's facts, and the policy's variables, each
 * computed when it is first read and then kept.
 *
 * Property names are dotted paths (`request.model`, `vars.asked`). Facts are converted as they are read, because later
 * phases fill in the same facts object; ints become BigInts, which is what CEL computes with.
 */
export class CelScope {
  readonly facts: Facts;
  /** The error of a variable read by the expression under way. `||` and `exists` would swallow it, so it is kept here. */
  failure: VariableFailure | undefined;

  constructor(facts: Facts) {
    this.facts = facts;
  }
}

for (const [name, spec] of factEntries) {
  const read = reader(name);
  const guard = sizeGuard(name, spec);
  const convert =
    spec.type === "int"
      ? (value: unknown) => BigInt(value as number)
      : (value: unknown) => {
          guard?.(value as never);
          return value;
        };
  Object.defineProperty(CelScope.prototype, name, {
    get(this: CelScope) {
      return convert(read(this.facts));
    },
  });
}

function reader(name: FactName): (facts: Facts) => unknown {
  const [root, field] = name.split(".") as [keyof Facts, string | undefined];
  if (field === undefined) return (facts) => facts[root];
  return (facts) => (facts[root] as unknown as Record<string, unknown>)[field];
}

/** Makes scopes for one policy. */
export type ScopeFactory = (facts: Facts) => CelScope;

/** A factory of scopes that also hold these variables, as `vars.<name>`. */
export function scopeFactory(variables: ReadonlyMap<string, ScopedVariable>): ScopeFactory {
  if (variables.size === 0) return (facts) => new CelScope(facts);
  class PolicyScope extends CelScope {
    readonly known: unknown[] = [];
  }
  let index = 0;
  for (const [name, variable] of variables) {
    const slot = index++;
    Object.defineProperty(PolicyScope.prototype, `vars.${name}`, {
      get(this: PolicyScope) {
        let known = this.known[slot];
        if (known === undefined) {
          known = compute(name, variable, this);
          this.known[slot] = known;
        }
        if (!(known instanceof VariableFailure)) return known;
        this.failure = known;
        throw known;
      },
    });
  }
  return (facts) => new PolicyScope(facts);
}

function compute(name: string, variable: ScopedVariable, scope: CelScope): unknown {
  try {
    return variable.value(scope.facts, scope);
  } catch (cause) {
    return new VariableFailure(name, cause);
  }
}
