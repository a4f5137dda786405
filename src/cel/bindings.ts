import { type FactName, type Facts, factEntries } from "../core/facts.ts";
import { VariableFailure } from "./failure.ts";
import { within64 } from "./ints.ts";
import { sizeGuard } from "./sizes.ts";
import { outside } from "./types.ts";

/** What a compiled variable offers to the scope that holds it. */
export interface ScopedVariable {
  readonly type: string;
  /** Its value as compiled expressions hold it. */
  compute(facts: Facts, scope: CelScope): unknown;
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
      ? (value: unknown) => within64(BigInt(value as number))
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

/** The scope of policies without variables: their expressions read nothing from it, so all can have the same. */
const empty = new CelScope(Object.freeze({}) as Facts);

/**
 * A factory of scopes that hold these variables: `vars.<name>` as the library reads them, `$<name>` as compiled
 * expressions do.
 */
export function scopeFactory(variables: ReadonlyMap<string, ScopedVariable>): ScopeFactory {
  if (variables.size === 0) return () => empty;
  class PolicyScope extends CelScope {
    readonly known: unknown[] = [];
  }
  let index = 0;
  for (const [name, variable] of variables) {
    const slot = index++;
    const read = (scope: PolicyScope): unknown => {
      let known = scope.known[slot];
      if (known === undefined) {
        known = compute(name, variable, scope);
        scope.known[slot] = known;
      }
      if (!(known instanceof VariableFailure)) return known;
      scope.failure = known;
      throw known;
    };
    const convert = outside(variable.type);
    Object.defineProperties(PolicyScope.prototype, {
      [`vars.${name}`]: {
        get(this: PolicyScope) {
          return convert(read(this));
        },
      },
      [`$${name}`]: {
        get(this: PolicyScope) {
          return read(this);
        },
      },
    });
  }
  return (facts) => new PolicyScope(facts);
}

function compute(name: string, variable: ScopedVariable, scope: CelScope): unknown {
  try {
    return variable.compute(scope.facts, scope);
  } catch (cause) {
    return new VariableFailure(name, cause);
  }
}
