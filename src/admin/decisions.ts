import { t } from "elysia";
import { effects } from "../core/decision.ts";
import type { DecisionFilter, StoredDecision } from "../core/decision-log.ts";
import { decisionGroups } from "../core/decision-stats.ts";
import { phases, surfaces } from "../core/phases.ts";
import type { PageRequest } from "../core/resources.ts";
import { asCsv, csvQuery, listAsCsv, wantsCsv } from "./csv.ts";
import { decisionSchema, showDecision } from "./decision-view.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  defined,
  listOf,
  listQuery,
  oneOf,
  readNames,
  readSpan,
  routes,
  type Shown,
  showPage,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import { streamed } from "./streams.ts";
import { applicationId } from "./usage.ts";

const filterMembers = {
  decision_id: t.Optional(t.String({ description: "The decision with this id." })),
  request_id: t.Optional(t.String({ description: "The decisions of this request, one for each phase." })),
  app: t.Optional(t.String({ description: "Id or name of the application." })),
  org: t.Optional(t.String({ description: "Id of the organisation." })),
  env: t.Optional(t.String({ description: "The environment of the gateway key." })),
  key: t.Optional(t.String({ description: "Id of the gateway key." })),
  surface: t.Optional(oneOf(surfaces, { description: "The wire format that was spoken." })),
  model: t.Optional(t.String({ description: "As the client named it." })),
  revision: t.Optional(t.String({ description: "The policy set that decided." })),
  phase: t.Optional(oneOf(phases, { description: "When in the call it was made." })),
  decision: t.Optional(oneOf(effects, { description: "What it came to." })),
  outcome: t.Optional(
    oneOf(["ok", "not_applicable", "error"], {
      description: "not_applicable when no policy decided, error when what decided is that one failed.",
    }),
  ),
  code: t.Optional(t.String({ description: "Of the reason that explains the decision." })),
  policy: t.Optional(t.String({ description: "A policy that one of the reasons is of." })),
  from: t.Optional(t.String({ description: "Earliest time, included." })),
  to: t.Optional(t.String({ description: "Latest time, not included." })),
};

const filterQuery = t.Object(filterMembers);

const statsSchema = t.Object(
  {
    data: t.Array(
      t.Object({
        group: t.Record(t.String(), t.String(), { description: "The values that the counts are of." }),
        decisions: t.Integer(),
        allowed: t.Integer(),
        warned: t.Integer(),
        modified: t.Integer(),
        denied: t.Integer(),
        with_errors: t.Integer({ description: "In which a policy could not be evaluated, whatever they came to." }),
        evaluation_us: t.Object({ mean: t.Number(), max: t.Number() }, { description: "Microseconds." }),
      }),
      { description: "Those with the most decisions first." },
    ),
    truncated: t.Boolean({ description: "Whether there are more groups than were asked for." }),
    dropped: t.Integer({
      description: "Decision records that this process lost since its start; they are not counted.",
    }),
  },
  {
    examples: [
      {
        data: [
          {
            group: { policy: "org/prod-token-cap" },
            decisions: 12,
            allowed: 0,
            warned: 2,
            modified: 0,
            denied: 10,
            with_errors: 0,
            evaluation_us: { mean: 14.2, max: 61 },
          },
        ],
        truncated: false,
        dropped: 0,
      },
    ],
  },
);

/** Rows that are read at once for an export. */
const exportBatch = 200;

const tags = ["Decisions"];

const pageQuery = listQuery({ ...filterMembers, ...csvQuery });

/** `/decisions`. */
export function decisionRoutes(deps: AdminDeps) {
  /** The records that a query selects and its sender may see; `null` when there can be none. */
  const readFilter = async (query: Shown<typeof filterQuery>, request: Request): Promise<DecisionFilter | null> => {
    const { organisation: own } = operatorOf(request);
    if (own !== null && query.org !== undefined && query.org !== own) return null;
    return defined({
      decisionId: query.decision_id,
      requestId: query.request_id,
      org: own ?? query.org,
      app: await applicationId(deps, request, query.app),
      env: query.env,
      key: query.key,
      surface: query.surface,
      model: query.model,
      revision: query.revision,
      phase: query.phase,
      decision: query.decision,
      outcome: query.outcome,
      code: query.code,
      policy: query.policy,
      ...readSpan(query),
    });
  };

  /** All that a filter selects, newest first, a batch at a time as it is asked for. */
  async function* batches(filter: DecisionFilter | null): AsyncGenerator<readonly StoredDecision[]> {
    let after: string | null = null;
    do {
      if (filter === null) return;
      const page = await deps.decisions.list({ limit: exportBatch, after }, filter);
      yield page.data;
      after = page.next;
    } while (after !== null);
  }

  const listCsv = async (query: Shown<typeof pageQuery>, request: Request): Promise<Response> => {
    const filter = await readFilter(query, request);
    await deps.recorder.flush();
    const read = async (page: PageRequest) =>
      filter === null ? { data: [], next: null } : await deps.decisions.list(page, filter);
    return listAsCsv("decisions", decisionSchema, { request, query, logger: deps.logger }, read, showDecision);
  };

  const list = async (query: Shown<typeof pageQuery>, request: Request) => {
    const filter = await readFilter(query, request);
    if (filter === null) return { data: [], next: null };
    await deps.recorder.flush();
    return showPage(await deps.decisions.list(toPageRequest(query), filter), showDecision);
  };

  return routes("/decisions")
    .get(
      "",
      ({ query, request }) => (wantsCsv(request, query.format) ? listCsv(query, request) : list(query, request)),
      {
        query: pageQuery,
        response: { 200: listOf(decisionSchema), ...problems() },
        detail: needing("usage:read", {
          ...asCsv,
          tags,
          summary: "List decision records, newest first",
          operationId: "listDecisions",
        }),
      },
    )
    .get(
      "/stats",
      async ({ query, request }) => {
        const by = readNames("group_by", query.group_by, decisionGroups);
        const filter = await readFilter(query, request);
        const limit = query.limit ?? 100;
        const { decision: dropped } = deps.recorder.dropped;
        if (filter === null) return { data: [], truncated: false, dropped };
        await deps.recorder.flush();
        const groups = await deps.decisions.stats(filter, by, limit + 1);
        return {
          data: groups.slice(0, limit).map((one) => ({
            group: { ...one.group },
            decisions: one.decisions,
            allowed: one.allowed,
            warned: one.warned,
            modified: one.modified,
            denied: one.denied,
            with_errors: one.withErrors,
            evaluation_us: { mean: Math.round(one.meanMicros * 10) / 10, max: Math.round(one.maxMicros) },
          })),
          truncated: groups.length > limit,
          dropped,
        };
      },
      {
        query: t.Object(
          {
            ...filterMembers,
            group_by: t.Optional(
              t.String({
                description: `Names separated by commas: ${decisionGroups.join(", ")}. One total of all when absent.`,
                examples: ["policy"],
              }),
            ),
            limit: t.Optional(t.Integer({ minimum: 1, maximum: 1000, description: "Most groups; 100 when absent." })),
          },
          { additionalProperties: false },
        ),
        response: { 200: statsSchema, ...problems() },
        detail: needing("usage:read", {
          tags,
          summary: "Count decisions",
          description:
            "By what they came to, for each group. Policy and rule are those of the reason that explains a decision; they are empty where none fired.",
          operationId: "readDecisionStats",
        }),
      },
    )
    .get(
      "/export",
      async ({ query, request }) => {
        const filter = await readFilter(query, request);
        await deps.recorder.flush();
        const lines = (rows: readonly StoredDecision[]) =>
          rows.map((row) => `${JSON.stringify(showDecision(row))}\n`).join("");
        const headers = {
          "content-type": "application/x-ndjson",
          "content-disposition": 'attachment; filename="decisions.ndjson"',
        };
        return streamed(batches(filter), lines, headers, deps.logger);
      },
      {
        query: t.Object(filterMembers, { additionalProperties: false }),
        response: {
          200: t.String({
            contentMediaType: "application/x-ndjson",
            description: "A decision record per line, as in the list, newest first.",
          }),
          ...problems(),
        },
        detail: needing("usage:read", {
          tags,
          summary: "Export decision records as NDJSON",
          description:
            "All that the filters select, as fast as it is read. An answer that breaks off is not whole: its last chunk is missing.",
          operationId: "exportDecisions",
        }),
      },
    );
}
