import { t } from "elysia";
import type { RetentionRun } from "../core/retention.ts";
import type { AdminDeps } from "./deps.ts";
import { doNoted, noteAfter } from "./noted.ts";
import { actorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { routes, type Shown, showTime, time } from "./schemas.ts";
import { needing } from "./scopes.ts";

const counts = (description: string) =>
  t.Object({ decisions: t.Integer(), usage: t.Integer(), rollups: t.Integer() }, { description });

const runSchema = t.Object(
  {
    started_at: time("When it began."),
    ended_at: time("When it ended."),
    deleted: counts("Records that it deleted."),
    more: t.Boolean({ description: "Whether there is more to delete; the next run goes on there." }),
    problem: t.String({ description: "Why it ended early; empty when it did not." }),
  },
  {
    examples: [
      {
        started_at: "2026-01-31T12:00:00.000Z",
        ended_at: "2026-01-31T12:00:01.000Z",
        deleted: { decisions: 1200, usage: 0, rollups: 0 },
        more: false,
        problem: "",
      },
    ],
  },
);

const retentionSchema = t.Object(
  {
    days: counts("How long each log is kept; 0 for ever. A decision without reasons is kept with its ledger row."),
    last: t.Union([runSchema, t.Null()], { description: "The last run of this replica; null before the first." }),
  },
  { examples: [{ days: { decisions: 90, usage: 400, rollups: 0 }, last: null }] },
);

const tags = ["Decisions"];

/** `/decisions/retention`. */
export function retentionRoutes(deps: AdminDeps) {
  return routes("/decisions/retention")
    .get("", () => ({ days: { ...deps.retention.days }, last: deps.retention.last && show(deps.retention.last) }), {
      response: { 200: retentionSchema, ...problems() },
      detail: needing(
        "usage:read",
        {
          tags,
          summary: "Read how long records are kept",
          description: "Of decisions, of the usage ledger and of its daily sums. The audit log is kept for ever.",
          operationId: "readRetention",
        },
        "deployment",
      ),
    })
    .post(
      "",
      async ({ request }) => {
        const act = { actor: actorOf(request), action: "purge", subject: "records" };
        const { days } = deps.retention;
        const run = await doNoted(deps, { ...act, detail: { days } }, () => deps.retention.run());
        const { deleted, more } = run;
        await noteAfter(deps, { ...act, detail: { deleted, more } });
        return show(run);
      },
      {
        response: { 200: runSchema, ...problems(413) },
        detail: needing(
          "system:write",
          {
            tags,
            summary: "Delete the records whose time is over now",
            description:
              "As happens every hour by itself. Joins a run that is under way; each is bounded. The audit log has an entry before and, with what was deleted, one after.",
            operationId: "runRetention",
          },
          "deployment",
        ),
      },
    );
}

function show({ startedAt, endedAt, deleted, more, problem }: RetentionRun): Shown<typeof runSchema> {
  return { started_at: showTime(startedAt), ended_at: showTime(endedAt), deleted: { ...deleted }, more, problem };
}
