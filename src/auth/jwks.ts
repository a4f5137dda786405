import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import type { Clock, Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";

/** Where the keys of tokens come from, and how they are kept. */
export interface JwksOptions {
  readonly url: URL;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Longest wait for an answer. */
  readonly timeoutMs: number;
  /** After how long the keys are fetched again: a key that was taken out of the set is obeyed so much longer. */
  readonly maxAgeMs: number;
  /** How often, at most, a token with a key that is not known makes them be fetched before that. */
  readonly cooldownMs?: number;
}

/** How much longer than their age allows known keys are obeyed while new ones cannot be had. */
const graceMs = 60 * 60 * 1000;
/** How long nothing is asked after a failure. */
const pauseMs = 5_000;
const maxBytes = 512 * 1024;

/**
 * The keys at a JWKS URL. They are fetched when first needed, when they are too old and when a token names one that is
 * not among them, once for all who wait. While they cannot be fetched, those that are known go on for an hour.
 *
 * What it returns rejects with SluiceError `authority_unavailable` when there are none to go by.
 */
export function createJwks({
  url,
  clock,
  logger,
  timeoutMs,
  maxAgeMs,
  cooldownMs = 30_000,
}: JwksOptions): JWTVerifyGetKey {
  let failedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let fetchedAt = Number.NEGATIVE_INFINITY;

  const load = async (address: string, init: RequestInit): Promise<Response> => {
    if (clock.now() - failedAt < pauseMs) throw failure;
    try {
      const answer = await fetch(address, init);
      const body = answer.status === 200 ? await readWhole(answer) : null;
      if (body === null) throw new Error(`it answered with status ${answer.status}`);
      createLocalJWKSet(JSON.parse(body));
      fetchedAt = clock.now();
      failedAt = Number.NEGATIVE_INFINITY;
      return new Response(body);
    } catch (error) {
      failedAt = clock.now();
      failure = error;
      logger.error({ err: error, url: address }, "the keys that tokens are signed with could not be fetched");
      throw error;
    }
  };

  const remote = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: cooldownMs,
    cacheMaxAge: maxAgeMs,
    [customFetch]: load,
  });

  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      // The keys were there, and none of them is it.
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      const known = remote.jwks();
      if (known !== undefined && clock.now() - fetchedAt < maxAgeMs + graceMs) {
        return createLocalJWKSet(known)(header, token);
      }
      const problem = error === failure ? "they could not be fetched" : "the set does not hold a usable key";
      throw new SluiceError("authority_unavailable", { problem }, { cause: error });
    }
  };
}

/** The text of an answer, unless there is more of it than keys can be. */
async function readWhole(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`it answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
