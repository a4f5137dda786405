import { t } from "elysia";
import { exceptionState } from "../core/exceptions.ts";
import { type BreakGlass, type DatabasePolicy, policyStatuses } from "../core/overlay.ts";
import { phases } from "../core/phases.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { AdminDeps } from "./deps.ts";
import { oneOf, type Shown, showTime, time } from "./schemas.ts";

const paramSchema = t.Object({
  name: t.String(),
  value: t.Unknown(),
  from: oneOf(["default", "tuned", "tuned for the application", "binding"], {
    description: "Where the value comes from; default: what the policy itself says.",
  }),
});

const policyMembers = {
  id: t.String({ description: "Its path without the ending; db/… for one of the database." }),
  description: t.String(),
  owner: t.String({ description: "Who answers for it; empty when the file does not say." }),
  mode: oneOf(["enforce", "warn", "audit"], { description: "What a hit does." }),
  on_error: oneOf(["deny", "warn", "allow"], { description: "What it counts as when it cannot be evaluated." }),
  priority: t.Number(),
  scope: t.Object({}, { additionalProperties: true, description: "Which requests it applies to; {} for all." }),
  uses: t.String({ description: "The policy type, or rules." }),
  phases: t.Array(oneOf(phases)),
  limits: t.Boolean({ description: "Whether it takes from shared counters." }),
  reads: t.Array(t.String(), { description: "The facts it reads." }),
  source: t.String({ description: "Where it came from, relative to the policies folder; empty when unknown." }),
  origin: oneOf(["git", "database", "maintenance"], { description: "Who has the say over it." }),
  status: oneOf(policyStatuses, { description: "Policies of git are active." }),
  enabled: t.Boolean({ description: "Policies of git are always enabled." }),
  live: t.Boolean({ description: "Whether requests are judged by it." }),
  mode_from: oneOf(["file", "tuned", "tuned for the application"], { description: "Where its mode comes from." }),
  params: t.Array(paramSchema, { description: "Its params, each with its value and where that comes from." }),
  attached_to: t.Array(t.String(), { description: "Applications that it is attached to, beside its own scope." }),
  exceptions: t.Array(t.String(), { description: "Exceptions from it, made in git, that have not expired." }),
  break_glass: t.Array(
    t.Object({
      id: t.String(),
      rule: t.String({ description: "Empty for all rules." }),
      action: t.String(),
      expires_at: time("From when on it has no effect."),
    }),
    { description: "Break-glass entries that take away its effect for a time." },
  ),
};

/** A policy as examples show it. */
export const policyExample = {
  id: "org/prod-token-cap",
  description: "Production apps may not ask for more than 16k tokens at once.",
  owner: "platform",
  mode: "enforce",
  on_error: "deny",
  priority: 100,
  scope: { env: ["prod"] },
  uses: "rules",
  phases: ["request"],
  limits: false,
  reads: ["request.estimated_tokens", "request.max_tokens"],
  source: "org/prod-token-cap.policy.yaml",
  origin: "git",
  status: "active",
  enabled: true,
  live: true,
  mode_from: "file",
  params: [{ name: "hard_cap", value: 16000, from: "default" }],
  attached_to: [],
  exceptions: [],
  break_glass: [],
} as const;

/** A policy as it is shown. */
export const policySchema = t.Object(policyMembers, { examples: [policyExample] });

/** A policy with its text. */
export const policyDetailSchema = t.Object(
  {
    ...policyMembers,
    text: t.String({ description: "The source text; empty when unknown." }),
    version: t.Union([t.Integer(), t.Null()], { description: "Of a database policy, as in its ETag; null for git's." }),
    actor: t.String({ description: "Who changed a database policy last; empty for git's." }),
  },
  { examples: [{ ...policyExample, text: "description: …", version: null, actor: "" }] },
);

type Deps = Pick<AdminDeps, "policies" | "policyControl" | "clock">;

/** Shows one copy of a live policy. */
export function showPolicy(deps: Deps, policy: CompiledPolicy): Shown<typeof policySchema> {
  const source = deps.policies.source(policy.id);
  const { provenance } = policy;
  const row = deps.policyControl.overlay().policies.find(({ id }) => id === policy.id);
  return {
    id: policy.id,
    description: policy.description,
    owner: source?.owner ?? "",
    mode: policy.mode,
    on_error: policy.onError,
    priority: policy.priority,
    scope: { ...policy.scope },
    uses: policy.uses,
    phases: phases.filter((phase) => policy.evaluate[phase] !== undefined),
    limits: policy.limits !== undefined,
    reads: [...policy.reads],
    source: source?.path ?? "",
    origin: provenance?.origin ?? "git",
    status: row?.status ?? "active",
    enabled: row?.enabled ?? true,
    live: true,
    mode_from: provenance?.modeFrom ?? "file",
    params: Object.entries(provenance?.params ?? {}).map(([name, param]) => ({ name, ...param })),
    attached_to: [...(provenance?.attachedTo ?? [])],
    exceptions: openExceptions(deps, policy.id),
    break_glass: (provenance?.breakGlass ?? []).filter(({ expiresAt }) => deps.clock.now() < expiresAt).map(showEntry),
  };
}

/** Every policy once, in the order of their ids: the live ones, and those of the database that are not live. */
export function listPolicies(deps: Deps): readonly Shown<typeof policySchema>[] {
  const first = new Map<string, CompiledPolicy>();
  // The copy for all stands for the others: those of single applications are shown where these are asked for.
  for (const policy of deps.policies.snapshot().policies) {
    if (policy.audience?.only === undefined) first.set(policy.id, policy);
  }
  const { bindings, policies } = deps.policyControl.overlay();
  const live = [...first.values()].map((policy) => ({
    ...showPolicy(deps, policy),
    attached_to: bindings.filter((binding) => binding.policy === policy.id).map(({ application }) => application),
  }));
  const others = policies.filter(({ id }) => !first.has(id)).map((row) => showStored(row));
  return [...live, ...others].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** One policy with its text; `null` when there is none. */
export function readPolicyView(deps: Deps, id: string): Shown<typeof policyDetailSchema> | null {
  const shown = listPolicies(deps).find((policy) => policy.id === id);
  if (shown === undefined) return null;
  const row = deps.policyControl.overlay().policies.find((policy) => policy.id === id);
  const text = row?.content ?? deps.policies.source(id)?.text ?? "";
  return { ...shown, text, version: row?.version ?? null, actor: row?.actor ?? "" };
}

/** A policy of the database that is not live: a draft, disabled, or one that does not fit any more. */
function showStored({ id, status, enabled }: DatabasePolicy): Shown<typeof policySchema> {
  return {
    id,
    description: "",
    owner: "",
    mode: "enforce",
    on_error: "deny",
    priority: 100,
    scope: {},
    uses: "",
    phases: [],
    limits: false,
    reads: [],
    source: `${id}.policy.yaml`,
    origin: "database",
    status,
    enabled,
    live: false,
    mode_from: "file",
    params: [],
    attached_to: [],
    exceptions: [],
    break_glass: [],
  };
}

function openExceptions({ policyControl, clock }: Deps, policyId: string): string[] {
  const now = clock.now();
  return policyControl
    .exceptions()
    .filter((exception) => exception.policy === policyId && exceptionState(exception, now) === "active")
    .map(({ id }) => id);
}

function showEntry({ id, rule, action, expiresAt }: BreakGlass) {
  return { id, rule, action, expires_at: showTime(expiresAt) };
}
