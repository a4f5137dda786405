import type { CompiledCel } from "../../cel/cel.ts";
import { type Claim, conjunctsOf } from "../../cel/claims.ts";
import type { FactName } from "../../core/facts.ts";
import type { Path } from "../document.ts";
import type { Problem } from "../problem.ts";
import type { PolicyFileContent } from "../schema.ts";
import type { Compiled } from "./compiled.ts";
import { toPath } from "./expressions.ts";
import { Places } from "./places.ts";

/**
 * Ways in which a caller leaves a policy by what it says of itself: a gate that it closes, an exemption that it claims, a
 * maximum that it does not name. Only of policies that refuse: whoever is routed or warned asked for that.
 */
export function checkClaims(file: Compiled): Problem[] {
  const { policy, conditions, content } = file;
  if (policy.mode !== "enforce" || content === undefined || !refuses(content)) return [];
  const places = new Places(file);
  const problem = (path: Path, claim: Claim, message: string) => places.problem("C075", path, message, claim) ?? [];
  return conditions.flatMap(({ path, cel }) => {
    const at = toPath(path);
    const found = at[0] === "match" ? gateClaim(cel) : ruleClaim(cel, content, at);
    return found === null ? [] : problem(at, found.claim, found.message);
  });
}

interface Found {
  readonly claim: Claim;
  readonly message: string;
}

function refuses({ uses, rules = [] }: PolicyFileContent): boolean {
  return uses !== undefined || rules.some((rule) => rule.then === "deny");
}

function gateClaim(gate: CompiledCel): Found | null {
  const claim = conjunctsOf(gate).find(({ isClaim }) => isClaim)?.claims[0];
  if (claim === undefined) return null;
  const message = `the caller chooses ${claim.fact}, and closes this gate by what it says: the policy is then not asked; ${advice(claim.fact)}`;
  return { claim, message };
}

function ruleClaim(when: CompiledCel, content: PolicyFileContent, [, index, says]: Path): Found | null {
  if (content.rules![Number(index)]!.then !== "deny") return null;
  const conjuncts = conjunctsOf(when, says === "must");
  const isAboutMore = conjuncts.some(({ isClaim }) => !isClaim);
  for (const { isClaim, claims } of conjuncts) {
    if (!isClaim) continue;
    const exemption = isAboutMore ? claims.find((claim) => claim.isExemption) : undefined;
    if (exemption !== undefined) {
      const message = `the caller chooses ${exemption.fact}, and is let through by what it says; ${advice(exemption.fact)}`;
      return { claim: exemption, message };
    }
    const threshold = claims.find((claim) => claim.isThreshold);
    if (threshold !== undefined && !caresForUnsaid(content)) {
      const message = `a caller that leaves out its maximum has ${threshold.fact} 0 and is let through, with the model's own maximum; compare request.max_tokens, or cap max_tokens as well`;
      return { claim: threshold, message };
    }
  }
  return null;
}

/** Whether the policy sees to callers that name no maximum. */
function caresForUnsaid(content: PolicyFileContent): boolean {
  const text = JSON.stringify([content.match, content.variables, content.rules]);
  return /\brequest\.max_tokens\b(?!_)|"path":"max_tokens"/.test(text);
}

function advice(fact: FactName): string {
  if (fact === "request.max_tokens_requested") return "decide by request.max_tokens, the effective maximum";
  return "decide by what the gateway knows, such as app.id, app.labels or key.id";
}
