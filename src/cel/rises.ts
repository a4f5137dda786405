import type { FactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";

/** What {@link rises} asks of a variable. */
interface Rising {
  readonly reads: readonly FactName[];
  risesWith(fact: FactName): boolean;
}

/**
 * Whether raising a fact can never turn a condition from true to false, or make a number smaller.
 *
 * Such a condition need not know the fact exactly when an upper bound of it is already harmless. Says no when in
 * doubt.
 */
export function rises(node: Node, fact: FactName, variable: (name: string) => Rising): boolean {
  return up(node);

  function up(part: Node): boolean {
    if (!mentions(part)) return true;
    if (part.op === "id") return part.args === fact || variable((part.args as string).slice(5)).risesWith(fact);
    const parts = children(part);
    switch (part.op) {
      case "&&":
      case "||":
      case "+":
        return parts.every(up);
      case ">":
      case ">=":
      case "-":
        return up(parts[0]!) && !mentions(parts[1]!);
      case "<":
      case "<=":
        return !mentions(parts[0]!) && up(parts[1]!);
      case "call":
        return ["least", "greatest"].includes((part.args as [string])[0]) && parts.every(up);
      default:
        return false;
    }
  }

  function mentions(part: Node): boolean {
    if (part.op !== "id") return children(part).some(mentions);
    const name = part.args as string;
    return name === fact || (name.startsWith("vars.") && variable(name.slice(5)).reads.includes(fact));
  }
}
