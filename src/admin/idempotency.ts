import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { IdempotencyStore } from "../core/idempotency.ts";
import type { Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { operatorOf } from "./operator.ts";
import { showTime } from "./schemas.ts";

/** The header that names a request, so that it can be sent again without being made twice. */
export const idempotencyHeader = "idempotency-key";

/** What an answer is marked with when it is repeated. */
export const replayedHeader = "idempotency-replayed";

/** Headers of an answer that are repeated with it. */
const keptHeaders = ["etag", "location"];

/** What is read of a route of the framework. */
interface DeclaredRoute {
  readonly method: string;
  readonly path: string;
  readonly hooks?: { readonly response?: unknown };
}

/** What a hook is told of the request that it runs for. */
interface Context {
  readonly request: Request;
  /** The path as declared. */
  readonly route: string;
  readonly body: unknown;
}

/** An answer as it is kept, sealed. */
interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request that is being made under a key. */
interface Made {
  readonly id: string;
  readonly secret: string;
}

/** Makes requests once that are sent several times. */
export interface Idempotency {
  /**
   * Looks whether a request is to be made.
   *
   * @returns the answer that it got before; `undefined` when it is to be made
   * @throws SluiceError `idempotency_reused`, `idempotency_running` or `idempotency_other_credential`
   */
  begin(context: Context): Promise<Response | undefined>;
  /** Keeps the answer of a request that made something. */
  end(request: Request, answer: unknown, set: { status?: unknown; headers: Record<string, unknown> }): Promise<void>;
  /** Notes that nothing came of a request. */
  fail(request: Request): Promise<void>;
}

/**
 * Makes requests once that create something, when they name themselves in `idempotency-key`.
 *
 * An answer can hold a secret, which is kept nowhere in clear. So every answer is sealed, with a key that is made of the
 * credential and the idempotency key of who sent the request: neither is in the database, and without both of them
 * nobody, this gateway included, can read what is.
 *
 * @param creations tells the routes that create something
 */
export function createIdempotency(
  { idempotency: store, logger }: { readonly idempotency: IdempotencyStore; readonly logger: Logger },
  creations: () => ReadonlySet<string>,
): Idempotency {
  /** Requests that are being made. Weak: entries go with their requests. */
  const making = new WeakMap<Request, Made>();

  return {
    async begin({ request, route, body }) {
      const key = request.headers.get(idempotencyHeader);
      if (key === null || !creations().has(`${request.method} ${route}`)) return undefined;
      if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
        throw new SluiceError("invalid_input", {
          problem: "'idempotency-key' is 1 to 255 visible ASCII characters without blanks.",
        });
      }
      const operator = operatorOf(request).id;
      const id = digest(operator, key);
      const secret = `${request.headers.get("authorization")}\n${key}`;
      const { pathname, search } = new URL(request.url);
      const fingerprint = digest(request.method, pathname + search, canonical(body));
      const claim = await store.claim({ id, operator, fingerprint });
      if (claim.state === "other") throw new SluiceError("idempotency_reused");
      if (claim.state === "running") throw new SluiceError("idempotency_running", { since: showTime(claim.since) });
      if (claim.state === "answered") return replay(open(claim.sealed, id, secret));
      making.set(request, { id, secret });
      return undefined;
    },

    async end(request, answer, set) {
      const made = making.get(request);
      if (made === undefined) return;
      making.delete(request);
      const headers = Object.fromEntries(
        keptHeaders.flatMap((name) => (name in set.headers ? [[name, String(set.headers[name])]] : [])),
      );
      const kept: KeptAnswer = { status: Number(set.status ?? 200), headers, body: JSON.stringify(answer) };
      try {
        await store.answer(made.id, seal(kept, made));
      } catch (error) {
        // It is made: who asks again is told that it was begun, and looks.
        logger.warn({ err: error }, "the answer to a request with an idempotency key could not be kept");
      }
    },

    async fail(request) {
      const made = making.get(request);
      if (made === undefined) return;
      making.delete(request);
      try {
        await store.release(made.id);
      } catch (error) {
        logger.warn({ err: error }, "an idempotency key could not be released");
      }
    },
  };
}

/** The routes that create something: they answer 201. */
export function readCreations(routes: readonly DeclaredRoute[]): ReadonlySet<string> {
  return new Set(routes.filter(creates).map(({ method, path }) => `${method} ${path}`));
}

function creates({ method, hooks }: DeclaredRoute): boolean {
  const { response } = hooks ?? {};
  return method === "POST" && typeof response === "object" && response !== null && "201" in response;
}

function replay({ status, headers, body }: KeptAnswer): Response {
  return new Response(body, {
    status,
    headers: {
      ...headers,
      "content-type": "application/json;charset=utf-8",
      "cache-control": "no-store",
      [replayedHeader]: "true",
    },
  });
}

function digest(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** One text for all ways to write the same JSON value. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ""
  );
}

const algorithm = "aes-256-gcm";
const saltBytes = 16;
const ivBytes = 12;
const tagBytes = 16;

function keyOf(secret: string, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, "sluice idempotency", 32));
}

function seal(kept: KeptAnswer, { id, secret }: Made): string {
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, keyOf(secret, salt), iv).setAAD(Buffer.from(id));
  const text = Buffer.concat([cipher.update(Bun.gzipSync(Buffer.from(JSON.stringify(kept)))), cipher.final()]);
  return Buffer.concat([salt, iv, cipher.getAuthTag(), text]).toString("base64url");
}

/** @throws SluiceError `idempotency_other_credential` when it was sealed with another secret */
function open(sealed: string, id: string, secret: string): KeptAnswer {
  const bytes = Buffer.from(sealed, "base64url");
  const iv = bytes.subarray(saltBytes, saltBytes + ivBytes);
  const tag = bytes.subarray(saltBytes + ivBytes, saltBytes + ivBytes + tagBytes);
  const decipher = createDecipheriv(algorithm, keyOf(secret, bytes.subarray(0, saltBytes)), iv);
  try {
    decipher.setAAD(Buffer.from(id)).setAuthTag(tag);
    const text = Buffer.concat([decipher.update(bytes.subarray(saltBytes + ivBytes + tagBytes)), decipher.final()]);
    return JSON.parse(Buffer.from(Bun.gunzipSync(text)).toString()) as KeptAnswer;
  } catch (cause) {
    throw new SluiceError("idempotency_other_credential", {}, { cause });
  }
}
