import { t } from "elysia";
import { coverageOf, coverageStates, type PolicyCoverage } from "../core/coverage.ts";
import { phases, surfaces } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import { confinePolicies } from "./policy-confined.ts";
import { listPolicies } from "./policy-view.ts";
import { problems } from "./problems.ts";
import { listOf, listQuery, oneOf, pageOf, routes, type Shown, showPage, toPageRequest } from "./schemas.ts";
import { needing } from "./scopes.ts";

const state = (description: string) => oneOf(coverageStates, { description });

const coverageSchema = t.Object(
  {
    policy: t.String({ description: "Its id." }),
    mode: oneOf(["enforce", "warn", "audit"], { description: "What a hit does." }),
    cells: t.Array(
      t.Object({
        surface: oneOf(surfaces),
        stream: t.Boolean({ description: "Whether the client asked for a stream." }),
        state: state(
          "enforced: decided before anything goes on; held_back: the stream is held back until it is whole, then decided; recorded: asked when the answer is gone; not_asked: there is nothing to ask it about; out_of_scope: its scope leaves the surface out; refused: it could not be enforced, which no live policy is.",
        ),
        phases: t.Partial(
          t.Object(Object.fromEntries(phases.map((phase) => [phase, state("The same of one phase.")]))),
        ),
      }),
      { description: "One for each surface, whole and streamed." },
    ),
  },
  {
    examples: [
      {
        policy: "org/answer-patterns",
        mode: "enforce",
        cells: [
          { surface: "chat", stream: false, state: "enforced", phases: { response: "enforced" } },
          { surface: "chat", stream: true, state: "held_back", phases: { response: "held_back" } },
          { surface: "messages", stream: false, state: "out_of_scope", phases: {} },
          { surface: "messages", stream: true, state: "out_of_scope", phases: {} },
        ],
      },
    ],
  },
);

/** `/policies/coverage`. */
export function policyCoverageRoutes(deps: AdminDeps) {
  const show = ({ policy, mode, cells }: PolicyCoverage): Shown<typeof coverageSchema> => ({
    policy,
    mode,
    cells: cells.map(({ phases: asked, ...cell }) => ({ ...cell, phases: { ...asked } })),
  });

  return routes("/policies").get(
    "/coverage",
    async ({ query, request }) => {
      // However it is tuned, a policy is enforced in the same places.
      const byId = new Map(deps.policies.snapshot().policies.map((policy) => [policy.id, policy]));
      const known = await confinePolicies(deps, request, listPolicies(deps));
      const knownIds = new Set(known.map(({ id }) => id));
      const wanted = [...byId.values()]
        .filter(({ id }) => knownIds.has(id) && (query.policy === undefined || id === query.policy))
        .map((policy) => coverageOf(policy))
        .filter(({ cells }) => query.state === undefined || cells.some((cell) => cell.state === query.state));
      return showPage(
        pageOf(wanted, ({ policy }) => policy, toPageRequest(query)),
        show,
      );
    },
    {
      query: listQuery({
        policy: t.Optional(t.String({ description: "Only this policy." })),
        state: t.Optional(oneOf(coverageStates, { description: "Only policies with such a cell." })),
      }),
      response: { 200: listOf(coverageSchema), ...problems() },
      detail: needing("policy:read", {
        tags: ["Policies"],
        summary: "List where each policy is enforced",
        description:
          "Every policy on every surface, for answers that come whole and for streams. A policy that could not be enforced somewhere in its scope is refused at load.",
        operationId: "listPolicyCoverage",
      }),
    },
  );
}
