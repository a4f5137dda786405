/**
 * Every way Sluice itself can refuse or fail, by code: HTTP status and message.
 *
 * The code is what programs match on and never changes its meaning; the message is for people and names what was
 * received and what is accepted. Placeholders `{name}` are filled from the details given to {@link SluiceError}.
 * A *denial by policy* is not here: it is a `Decision` and carries the policy's own code.
 */
export const errorCatalogue = {
  // Edge
  malformed_json: [400, "The request body is not valid JSON: {problem}."],
  invalid_request: [400, "{problem}"],
  unsupported_encoding: [415, "Content-encoding '{received}' is not supported; accepted: identity, gzip, deflate."],
  missing_key: [401, "No gateway key was sent. Send it where your SDK puts its API key: {accepted}."],
  invalid_key: [
    401,
    "The gateway key is not valid. Keys look like slc_<id>_<secret> and are minted at /admin/v1/keys.",
  ],
  expired_key: [401, "The gateway key expired at {expired}."],
  application_paused: [403, "The application '{application}' is disabled."],
  environment_paused: [403, "The application '{application}' is disabled in '{env}'."],
  surface_not_allowed: [403, "The {holder} is not for the surface '{surface}'; it is for: {allowed}."],
  model_not_allowed: [403, "The {holder} is not for the model '{model}'; it is for: {allowed}."],
  network_not_allowed: [403, "The {holder} may not be used from the address '{address}'."],
  body_too_large: [413, "The request body is larger than {max} bytes, the most this gateway accepts."],
  unknown_route: [404, "There is no {method} {path} here."],
  model_not_found: [
    404,
    "The model '{model}' does not exist, is switched off, or no provider serves it on this surface.",
  ],
  not_ready: [503, "The gateway has no valid policy set yet: {problem}"],

  // Upstream
  upstream_unreachable: [502, "The provider '{provider}' could not be reached."],
  upstream_timeout: [504, "The provider '{provider}' did not answer within {seconds} s."],
  upstream_invalid: [502, "The provider '{provider}' sent an answer that is not valid."],
  upstream_too_large: [502, "The answer of the provider '{provider}' is larger than {max} bytes."],
  upstream_unavailable: [503, "No provider takes requests for this model now; try again in {seconds} s."],
  upstream_interrupted: [502, "The provider '{provider}' broke off its answer."],

  // Limits and records
  store_unavailable: [503, "A limit could not be checked because its counter store is unavailable."],
  database_unavailable: [503, "The database does not answer; try again."],

  records_unavailable: [
    503,
    "The application '{application}' is only answered when that can be recorded, and it cannot be at the moment; try again.",
  ],

  // Control plane
  unauthenticated: [
    401,
    "{problem}. Send an admin key or a token as 'authorization: Bearer <key>'. Gateway keys do not work here.",
  ],
  insufficient_scope: [403, "This credential does not allow that. {problem}."],
  too_many_failures: [429, "Too many credentials from this address were not valid; try again in {seconds} s."],
  authority_unavailable: [503, "The keys that tokens are signed with cannot be had now: {problem}. Try again."],
  not_found: [404, "There is no {resource} '{id}'."],
  conflict: [409, "{problem}"],
  idempotency_running: [
    409,
    "The request with this idempotency key began at {since} and is not answered: it is being made, or was broken off. Look for what it made before you use another key.",
  ],
  idempotency_other_credential: [
    409,
    "The request with this idempotency key was answered to another credential of yours, and only that one can read the answer again.",
  ],
  idempotency_reused: [422, "This idempotency key was used for another request. Every request needs its own."],
  invalid_input: [400, "{problem}"],
  too_many_followers: [503, "Already {max} follow the activity, the most that may; try again later."],
  revision_refused: [409, "The revision '{id}' cannot be made live: {problem}."],
  policy_refused: [422, "{problem}"],
  stale_etag: [412, "The {resource} '{id}' changed since {received}; read it again and retry. It is now {current}."],

  internal: [500, "An internal error occurred. Quote the id {id} when you report it."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

/** A code of the {@link errorCatalogue}. */
export type ErrorCode = keyof typeof errorCatalogue;

/** Values for the placeholders of a message. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

/** A foreseen failure. Anything else that is thrown is a bug: it is logged whole and answered with `internal`. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(fillPlaceholders(errorCatalogue[code][1], details), options);
    this.name = "SluiceError";
    this.code = code;
    this.status = errorCatalogue[code][0];
    this.details = details;
  }
}

/** Replaces each `{name}` with its value; a name without a value is left as it stands, so that its absence shows. */
export function fillPlaceholders(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replace(/\{([\w.]+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}
