import { t } from "elysia";
import {
  type ActivityEvent,
  type ActivityKind,
  activityKinds,
  type Follower,
  type LiveDecision,
  type NamedEvent,
} from "../core/activity.ts";
import { decisionIdOf, effects } from "../core/decision.ts";
import { phases, surfaces } from "../core/phases.ts";
import { recordedReason } from "../core/recorded-decision.ts";
import { SluiceError } from "../errors.ts";
import { showTally } from "./decision-view.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { oneOf, readNames, routes, type Shown, showTime } from "./schemas.ts";
import { needing } from "./scopes.ts";
import { applicationId } from "./usage.ts";

const streamQuery = t.Object(
  {
    kinds: t.Optional(
      t.String({
        description: `Names separated by commas: ${activityKinds.join(", ")}. All that the credential may see when absent.`,
        examples: ["decision"],
      }),
    ),
    org: t.Optional(t.String({ description: "Of this organisation." })),
    app: t.Optional(t.String({ description: "Id or name of the application." })),
    env: t.Optional(t.String({ description: "The environment of the gateway key." })),
    key: t.Optional(t.String({ description: "Id of the gateway key." })),
    surface: t.Optional(oneOf(surfaces, { description: "The wire format that was spoken." })),
    model: t.Optional(t.String({ description: "As the client named it." })),
    phase: t.Optional(oneOf(phases, { description: "When in the call it was made." })),
    decision: t.Optional(
      t.String({ description: `Names separated by commas: ${effects.join(", ")}.`, examples: ["deny,warn"] }),
    ),
    code: t.Optional(t.String({ description: "Of a reason." })),
    policy: t.Optional(t.String({ description: "Of a reason." })),
    seconds: t.Optional(
      t.Integer({ minimum: 1, maximum: 86_400, description: "Ends after so long; never when absent.", examples: [1] }),
    ),
  },
  { additionalProperties: false },
);

const resumeHeaders = t.Object({
  "last-event-id": t.Optional(
    t.String({ maxLength: 64, description: "The id of the last event that was seen; EventSource sends it by itself." }),
  ),
});

/** How often a stream says that it is there, and looks whether its reader may still see it. */
const heartbeatMs = 15_000;
/** How long clients wait before they come again. */
const retryMs = 2_000;

/** Most streams of one organisation's operators: of all that may be there, so many that the others have some. */
const maxOfOrganisation = 25;

const streamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // Proxies such as nginx hold answers back otherwise.
  "x-accel-buffering": "no",
};

const example = `retry: ${retryMs}

id: 5rkZqv0JcV1N
event: decision
data: {"decision_id":"dec_AaH9HvRXdSKZHVNwBtviUA_request","app":"chat","decision":"deny","code":"token_cap"}

`;

/** `/activity`. */
export function activityRoutes(deps: AdminDeps) {
  /** Streams that are open, by the organisation that their readers are of. */
  const openOf = new Map<string, number>();
  const holdToRoom = (organisation: string | null) => {
    if (organisation !== null && (openOf.get(organisation) ?? 0) >= maxOfOrganisation) {
      throw new SluiceError("too_many_followers", { max: maxOfOrganisation });
    }
  };
  const count = (organisation: string | null, change: 1 | -1) => {
    if (organisation === null) return;
    const open = (openOf.get(organisation) ?? 0) + change;
    if (open === 0) openOf.delete(organisation);
    else openOf.set(organisation, open);
  };

  return routes("/activity").get(
    "/stream",
    async ({ query, headers, request }) => {
      const wants = await readFilter(deps, query, request);
      // Whoever asks for the head reads nothing, and would never be seen to leave.
      if (request.method === "HEAD") return new Response(null, { headers: streamHeaders });
      const after = headers["last-event-id"] || null;
      const { id, organisation, scopes } = operatorOf(request);
      holdToRoom(organisation);
      const follower = deps.activity.follow(wants, after);
      count(organisation, 1);
      const onEnd = () => count(organisation, -1);
      const authorization = request.headers.get("authorization");
      const mayGoOn = async () => {
        // No address: a credential that was good is no guess.
        const now = await deps.operators.identify(authorization, "");
        return now?.id === id && now.organisation === organisation && [...scopes].every((one) => now.scopes.has(one));
      };
      const endsAfterMs = query.seconds === undefined ? undefined : query.seconds * 1000;
      const resumes = after !== null;
      const every = deps.heartbeatMs ?? heartbeatMs;
      const whole = organisation === null;
      return eventStream(follower, { mayGoOn, onEnd, heartbeatMs: every, endsAfterMs, resumes, whole });
    },
    {
      query: streamQuery,
      headers: resumeHeaders,
      response: {
        200: t.String({ contentMediaType: "text/event-stream", examples: [example] }),
        ...problems(403, 503),
      },
      detail: needing("usage:read", {
        tags: ["Activity"],
        summary: "Follow what happens, as server-sent events",
        description: `Events \`decision\` (every decision of this process, allowed ones too), \`change\` (what operators changed, anywhere; takes the scope audit:read), \`policies\` (each attempt to load the policies, with its problems) and \`status\` (how ready the gateway is, when that changes). An event that does not have what a filter names is left out. A line without data comes every 15 seconds.

With \`last-event-id\` it goes on after that event; \`gap\` comes first where events may be missing. A reader that does not keep up is cut off, and can come again the same way: nobody waits for it.`,
        operationId: "streamActivity",
      }),
    },
  );
}

/** Which events a query asks for, and its sender may see. */
async function readFilter(deps: AdminDeps, query: Shown<typeof streamQuery>, request: Request) {
  const { organisation: own, scopes } = operatorOf(request);
  const asked = readNames("kinds", query.kinds, activityKinds);
  const audits = scopes.has("audit:read");
  if (asked.includes("change") && !audits) {
    throw new SluiceError("insufficient_scope", { problem: "To follow changes takes the scope 'audit:read'" });
  }
  const kinds = new Set<ActivityKind>(asked.length > 0 ? asked : activityKinds);
  if (!audits) kinds.delete("change");
  const { org, env, key, surface, model, phase, code, policy } = query;
  const app = await applicationId(deps, request, query.app);
  const wanted = readNames("decision", query.decision, effects);
  const aboutDecisions = [app, env, key, surface, model, phase, code, policy].some((value) => value !== undefined);

  const wantsDecision = ({ decision, ...row }: LiveDecision) =>
    (app === undefined || row.app === app) &&
    (env === undefined || row.env === env) &&
    (key === undefined || row.key === key) &&
    (surface === undefined || row.surface === surface) &&
    (model === undefined || row.model === model) &&
    (phase === undefined || decision.phase === phase) &&
    (wanted.length === 0 || wanted.includes(decision.effect)) &&
    (code === undefined || decision.findings.some((finding) => finding.code === code)) &&
    (policy === undefined || decision.findings.some((finding) => finding.policy === policy));

  return (event: ActivityEvent): boolean => {
    if (!kinds.has(event.kind)) return false;
    // What belongs to the deployment says nothing of an organisation, save changes, which may name one.
    const shared = event.kind === "policies" || event.kind === "status";
    const of = organisationOf(event);
    if (own !== null && !shared && of !== own) return false;
    if (org !== undefined && of !== org) return false;
    if (event.kind === "decision") return wantsDecision(event.decision);
    return !aboutDecisions && wanted.length === 0;
  };
}

function organisationOf(event: ActivityEvent): string | null {
  if (event.kind === "decision") return event.decision.org;
  return event.kind === "change" ? event.entry.organisation : null;
}

interface StreamOptions {
  /** Asked with every heartbeat: a credential may be revoked while its stream runs. */
  readonly mayGoOn: () => Promise<boolean>;
  /** Called once. */
  readonly onEnd: () => void;
  readonly heartbeatMs: number;
  readonly endsAfterMs: number | undefined;
  readonly resumes: boolean;
  /** Whether its reader may know what is wrong with what all organisations share: that may name what others have. */
  readonly whole: boolean;
}

/**
 * Writes what a follower is told as server-sent events. It is written when it is read: what waits meanwhile waits in the
 * feed, which has a bound and drops who is too slow.
 */
function eventStream(follower: Follower, options: StreamOptions): Response {
  const { mayGoOn, onEnd, heartbeatMs: every, endsAfterMs, resumes, whole } = options;
  const encoder = new TextEncoder();
  let wake: () => void = () => undefined;
  let beats = 0;
  let over = false;
  let heart: ReturnType<typeof setInterval> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    if (!over) onEnd();
    over = true;
    clearInterval(heart);
    clearTimeout(timer);
    follower.leave();
    wake();
  };
  const beat = async () => {
    if (await mayGoOn().catch(isNoAnswer)) {
      beats += 1;
      wake();
    } else end();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        heart = setInterval(() => void beat(), every);
        heart.unref();
        if (endsAfterMs !== undefined) timer = setTimeout(end, endsAfterMs);
        timer?.unref();
        follower.onReady(() => {
          // A reader that does not read is cut off here; nothing else would ever tell it.
          if (follower.ended === "slow" && !over) {
            end();
            // Without an error of ours, which would be printed: what happened is in the log.
            controller.error();
          } else if (follower.ended !== null) end();
          else wake();
        });
        const gap = follower.gap === null ? "" : `event: gap\ndata: {"reason":"${follower.gap}"}\n`;
        // Not where events wait that it asked for: cut off now, it would go on after them.
        const place = resumes && gap === "" ? "" : `id: ${follower.newest}\n`;
        controller.enqueue(encoder.encode(`retry: ${retryMs}\n${place}${gap}\n`));
      },
      async pull(controller) {
        for (;;) {
          if (over) return controller.close();
          const events = follower.take();
          if (events.length > 0)
            return controller.enqueue(encoder.encode(events.map((event) => frame(event, whole)).join("")));
          if (beats > 0) {
            beats = 0;
            // A line of its own for the place: who comes again need not be sent what it did not want.
            return controller.enqueue(encoder.encode(`:\nid: ${follower.newest}\n\n`));
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: streamHeaders });
}

/** A look that fails says nothing about the credential; the next one may. Too many failures are of those not valid. */
function isNoAnswer(error: unknown): boolean {
  return !(error instanceof SluiceError && error.code === "too_many_failures");
}

function frame({ id, event }: NamedEvent, whole: boolean): string {
  return `id: ${id}\nevent: ${event.kind}\ndata: ${JSON.stringify(show(event, whole))}\n\n`;
}

function show(event: ActivityEvent, whole: boolean): object {
  const ts = showTime(event.at);
  if (event.kind === "decision") return showDecision(event.decision);
  if (event.kind === "policies") return { ts, ...event.load, ...(!whole && { problems: [] }) };
  if (event.kind === "status") {
    const { status, parts } = event.now;
    return { ts, status, parts: parts.map((part) => ({ ...part, ...(!whole && { problem: "" }) })) };
  }
  const { seq, organisation, actor, action, subject, detail } = event.entry;
  return { ts, seq, organisation, actor, action, subject, detail };
}

function showDecision({ decision, ...row }: LiveDecision): object {
  return {
    decision_id: decisionIdOf(row.requestId, row.phase),
    request_id: row.requestId,
    ts: showTime(row.ts),
    phase: row.phase,
    revision: row.revision,
    org: row.org,
    app: row.app,
    env: row.env,
    key: row.key,
    surface: row.surface,
    model: row.model,
    decision: decision.effect,
    outcome: decision.outcome,
    code: decision.findings[0]?.code ?? "",
    reasons: decision.findings.map(recordedReason),
    evaluated: showTally(decision.tally),
    evaluation_us: Math.round(row.micros),
  };
}
