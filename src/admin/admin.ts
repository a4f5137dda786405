import { Elysia, ValidationError } from "elysia";
import { SluiceError } from "../errors.ts";
import { activityRoutes } from "./activity.ts";
import { adminKeyRoutes } from "./admin-keys.ts";
import { applicationRoutes } from "./applications.ts";
import { auditRoutes } from "./audit.ts";
import { bindingRoutes } from "./bindings.ts";
import { breakGlassRoutes } from "./break-glass.ts";
import { celRoutes } from "./cel.ts";
import { policyCoverageRoutes } from "./coverage.ts";
import { databasePolicyRoutes } from "./db-policies.ts";
import { decisionRoutes } from "./decisions.ts";
import type { AdminDeps } from "./deps.ts";
import { environmentRoutes } from "./environments.ts";
import { evaluateRoutes } from "./evaluate.ts";
import { exceptionRoutes } from "./exceptions.ts";
import { explainRoutes } from "./explain.ts";
import { createIdempotency, readCreations } from "./idempotency.ts";
import { exceedsDepth } from "./json-depth.ts";
import { keyRoutes } from "./keys.ts";
import { limitRoutes } from "./limits.ts";
import { maintenanceRoutes } from "./maintenance.ts";
import { modelRoutes } from "./models.ts";
import { addressOf, isAdmitted, rememberOperator } from "./operator.ts";
import { organisationRoutes } from "./organisations.ts";
import { policyRoutes, policyTypeRoutes } from "./policies.ts";
import { policyTuningRoutes } from "./policy-tuning.ts";
import { toInputProblem, toInternalProblem, toProblem, toResponse } from "./problems.ts";
import { createRefusalLog } from "./refusal-log.ts";
import { retentionRoutes } from "./retention.ts";
import { revisionRoutes } from "./revisions.ts";
import { holdTo, readRequirements } from "./scopes.ts";
import { spendRoutes } from "./spend.ts";
import { systemRoutes } from "./system.ts";
import { systemInfoRoutes } from "./system-info.ts";
import { teamRoutes } from "./teams.ts";
import { usageRoutes } from "./usage.ts";

/** Largest body that the control plane reads. */
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * Deepest nesting of a body: a little more than that of the requests which stand in some. What looks at bodies does so
 * recursively: it takes seconds for what is nested without end, and then fails.
 */
const maxBodyDepth = 520;

/**
 * The control plane under `/admin/v1`: an Elysia instance of its own, whose hooks run for its routes alone.
 *
 * Every route wants an operator's credential with the scope that it states; both are looked at before anything else of
 * the request is.
 */
export function createAdmin(deps: AdminDeps) {
  const logRefusal = createRefusalLog(deps);

  /** The one place where credentials and scopes are looked at: every route is behind it, whatever it is. */
  const admit = async (request: Request, path: string, route: string) => {
    if (isAdmitted(request)) return;
    const operator = await deps.operators.identify(request.headers.get("authorization"), addressOf(request));
    if (operator === null) {
      logRefusal(request, path);
      throw new SluiceError("unauthenticated", { problem: whatIsWrong(request.headers.get("authorization")) });
    }
    try {
      holdTo(requirements, operator, request.method, route);
    } catch (error) {
      deps.logger.warn(
        { method: request.method, path, operator: operator.id },
        "a request to the admin surface was refused: its credential does not allow it",
      );
      throw error;
    }
    rememberOperator(request, operator);
  };

  const idempotency = createIdempotency(deps, () => creations);

  const admin = new Elysia({ prefix: "/admin/v1", normalize: false })
    // A body is read only for who may send it, and only so much of it.
    .onParse(async ({ request, path, route }) => {
      await admit(request, path, route);
      return readJson(request);
    })
    .onTransform(async ({ request, path, route, set }) => {
      // Here too: bodies that no handler reads are not parsed.
      await admit(request, path, route);
      set.headers["cache-control"] = "no-store";
    })
    // What was made under the same idempotency key is answered again; everything else about the request was looked at.
    .onBeforeHandle((context) => idempotency.begin(context))
    .onAfterHandle(({ request, responseValue, set }) => idempotency.end(request, responseValue, set))
    .onError(async ({ error, path, request }) => {
      await idempotency.fail(request);
      const cause = error instanceof Error && error.cause instanceof SluiceError ? error.cause : error;
      if (cause instanceof SluiceError) {
        const wait = cause.code === "too_many_failures" ? { "retry-after": String(cause.details.seconds) } : {};
        return toResponse(toProblem(cause, path), wait);
      }
      if (cause instanceof ValidationError && cause.type !== "response") {
        return toResponse(toInputProblem(cause, path, new URL(request.url).searchParams));
      }
      const id = crypto.randomUUID();
      deps.logger.error({ err: cause, id, method: request.method, path }, "an admin request failed unexpectedly");
      return toResponse(toInternalProblem(id, path));
    })
    .use(organisationRoutes(deps))
    .use(teamRoutes(deps))
    .use(applicationRoutes(deps))
    .use(environmentRoutes(deps))
    .use(bindingRoutes(deps))
    .use(keyRoutes(deps))
    .use(modelRoutes(deps))
    .use(policyTypeRoutes(deps))
    .use(policyCoverageRoutes(deps))
    .use(celRoutes(deps))
    .use(policyRoutes(deps))
    .use(databasePolicyRoutes(deps))
    .use(policyTuningRoutes(deps))
    .use(breakGlassRoutes(deps))
    .use(maintenanceRoutes(deps))
    .use(exceptionRoutes(deps))
    .use(revisionRoutes(deps))
    .use(usageRoutes(deps))
    .use(limitRoutes(deps))
    .use(spendRoutes(deps))
    .use(decisionRoutes(deps))
    .use(retentionRoutes(deps))
    .use(activityRoutes(deps))
    .use(explainRoutes(deps))
    .use(evaluateRoutes(deps))
    .use(auditRoutes(deps))
    .use(adminKeyRoutes(deps))
    .use(systemRoutes(deps))
    .use(systemInfoRoutes(deps));
  const requirements = readRequirements(admin.routes);
  const creations = readCreations(admin.routes);
  return admin
    .all("/*", ({ request, path }) => unknownRoute(request, path), { detail: { hide: true } })
    .all("", ({ request, path }) => unknownRoute(request, path), { detail: { hide: true } });
}

/** Of a credential that is not valid. More would help whoever tries some. */
function whatIsWrong(authorization: string | null): string {
  if (authorization === null) return "No credential was sent";
  if (!/^bearer +\S+\s*$/i.test(authorization)) return "The authorization header holds no 'Bearer <key>'";
  return "The credential that was sent is not valid here";
}

function unknownRoute({ method }: Request, path: string): never {
  throw new SluiceError("unknown_route", { method, path });
}

/** The JSON of a body; `undefined` for an empty one. */
async function readJson(request: Request): Promise<unknown> {
  if (request.body === null) return undefined;
  const tooLarge = () => new SluiceError("body_too_large", { max: maxBodyBytes });
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  const body = parseJson(Buffer.concat(chunks));
  // No route takes anything else, and the framework looks at the rest as if there were no body.
  if (typeof body === "object" && body !== null) return body;
  throw new SluiceError("invalid_input", { problem: "The body is not accepted: want a JSON object." });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (exceedsDepth(text, maxBodyDepth)) throw new Error(`it is nested deeper than ${maxBodyDepth} levels`);
    return /toString|valueOf|\\u/.test(text) ? JSON.parse(text, (_, value) => printable(value)) : JSON.parse(text);
  } catch (cause) {
    const problem = (cause instanceof Error ? cause.message : String(cause)).replace(/^JSON Parse error: /, "");
    throw new SluiceError("malformed_json", { problem }, { cause });
  }
}

/** Who says what is wrong with a value writes it into a text, which its own members must not keep it from. */
function printable(value: unknown): unknown {
  if (
    typeof value === "object" &&
    value !== null &&
    (Object.hasOwn(value, "toString") || Object.hasOwn(value, "valueOf"))
  ) {
    Object.defineProperty(value, Symbol.toPrimitive, { value: () => "an object" });
  }
  return value;
}
