import { t } from "elysia";
import type { Temporary } from "../core/overlay.ts";
import { surfaces } from "../core/phases.ts";
import { PolicyRefused } from "../core/policy-control.ts";
import { SluiceError } from "../errors.ts";
import { line, maybeTime, oneOf, readTime, showMaybeTime, showTime, time } from "./schemas.ts";

const words = (description: string) =>
  t.Optional(t.Array(t.String({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems: 1_000, description }));

const scopeLists = {
  orgs: words("Ids of organisations."),
  teams: words("Ids of teams."),
  apps: words("Ids or names of applications."),
  env: words("Environments of the gateway key."),
  keys: words("Ids of gateway keys."),
  models: words("Globs over the model's name, such as gpt-*."),
  surfaces: t.Optional(t.Array(oneOf(surfaces), { minItems: 1, description: "Surfaces." })),
  labels: t.Optional(
    t.Record(t.String(), t.String(), { description: "Labels that the application or its organisation must have." }),
  ),
};

/** Which requests something is for, as policies say it. */
export const scopeSchema = t.Object(
  {
    ...scopeLists,
    except: t.Optional(
      t.Object(scopeLists, { additionalProperties: false, description: "Requests that match this are left out." }),
    ),
  },
  { additionalProperties: false, description: "The requests it is for; every request when absent." },
);

/** A scope in answers. */
export const shownScope = t.Object(
  {},
  { additionalProperties: true, description: "The requests it is for; {} for all." },
);

/** How the end of something temporary is said: one of the two. */
export const endMembers = {
  ttl_seconds: t.Optional(t.Integer({ minimum: 1, description: "How long it lasts from now." })),
  expires_at: t.Optional(t.String({ description: "When it ends: a date, or a date and time with a zone." })),
};

/** Why something is done, for whoever finds it. */
export const reasonText = t.String({
  minLength: 1,
  maxLength: 512,
  pattern: "^(?=.*\\S)[^\\x00-\\x1f\\x7f]+$",
  description: "Why, for whoever finds it.",
});

/** A line that clients are told. */
export const clientMessage = line(512, "What clients are told.");

/**
 * When something temporary ends.
 *
 * @param most how long it may last, in milliseconds
 * @throws SluiceError `invalid_input` when it says no end, or two, or one that is past
 * @throws PolicyRefused when it would last too long
 */
export function readEnd(
  { ttl_seconds: ttl, expires_at: until }: { ttl_seconds?: number; expires_at?: string },
  now: number,
  most: number,
  what: string,
): number {
  if ((ttl === undefined) === (until === undefined)) {
    throw new SluiceError("invalid_input", { problem: "Say when it ends: either 'ttl_seconds' or 'expires_at'." });
  }
  const end = until === undefined ? now + ttl! * 1000 : readTime("expires_at", until);
  if (end <= now) throw new SluiceError("invalid_input", { problem: `'expires_at' is past: ${showTime(end)}.` });
  if (end - now > most) {
    const message = `it would last ${Math.ceil((end - now) / 1000)} seconds; accepted: at most ${most / 1000}`;
    throw new PolicyRefused([{ code: "C064", item: what, message }]);
  }
  return end;
}

/** What every temporary thing shows. */
export const temporaryMembers = {
  id: t.String(),
  reason: t.String(),
  actor: t.String({ description: "Who began it." }),
  state: oneOf(["open", "expired", "ended"]),
  created_at: time("When it began."),
  expires_at: time("From when on it has no effect."),
  ended_at: maybeTime("When it was ended before its time; null otherwise."),
  ended_by: t.String({ description: "Who ended it before its time; empty otherwise." }),
};

/** Shows what every temporary thing has. */
export function showTemporary({ id, reason, actor, createdAt, expiresAt, endedAt, endedBy }: Temporary, now: number) {
  const early = endedAt !== null && endedAt < expiresAt;
  return {
    id,
    reason,
    actor,
    state: early ? ("ended" as const) : now >= expiresAt ? ("expired" as const) : ("open" as const),
    created_at: showTime(createdAt),
    expires_at: showTime(expiresAt),
    ended_at: showMaybeTime(early ? endedAt : null),
    ended_by: early ? endedBy : "",
  };
}
