/**
 * What an error answer of a provider's says about trying again. `null`: nothing, it is the caller's own fault and passed
 * on as it is.
 */
export interface RetryAdvice {
  /** Whether the same target may be asked again. */
  readonly here: boolean;
  /** Milliseconds that the provider wants to be left alone; `undefined` when it does not say. */
  readonly waitMs: number | undefined;
}

/** A provider in trouble or out of breath: another attempt, there or elsewhere, may go well. */
const transient = new Set([429, 500, 502, 503, 504, 529]);

/** Money, not pace: it does not come back by waiting. As the vendors' codes and, where they have none, their words say it. */
const spent =
  /"(?:insufficient_quota|credit_balance_exhausted|(?:organization|project)_(?:spend|usage)_limit_exceeded|enforced_spend_limit_reached|billing_[a-z_]+)"|credits? (?:balance is too low|are depleted)/;

/** One request that is larger than the whole limit fits no better later. */
const tooLarge = /"message":\s*"Request too large/;

/** Gemini's hint in the body (`RetryInfo`) and the words of Azure and OpenAI. */
const hintInBody =
  /"retryDelay":\s*"(\d+(?:\.\d+)?)s"|retry after (\d+(?:\.\d+)?) seconds|try again in (\d+(?:\.\d+)?)s\b/i;

/** Error bodies are short; of one that is not, the beginning says enough. */
const maxReadBytes = 16_384;

/**
 * Reads an error answer for whether, and when, another attempt is worth it. `x-should-retry` goes before the status.
 *
 * @param body its bytes, after decompression
 * @param now milliseconds since the epoch
 */
export function retryAdvice(status: number, headers: Headers, body: Uint8Array, now: number): RetryAdvice | null {
  const told = headers.get("x-should-retry");
  if (!transient.has(status) && told !== "true") return null;
  if (status !== 429) return { here: told !== "false", waitMs: waitOf(headers, "", now) };
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, maxReadBytes)).toString("latin1");
  const hopeless = told === "false" || spent.test(text) || tooLarge.test(text);
  return { here: !hopeless, waitMs: waitOf(headers, text, now) };
}

/** `retry-after-ms`, else `retry-after` in seconds or as a date, else what the body says. Never less than 0. */
function waitOf(headers: Headers, text: string, now: number): number | undefined {
  const exact = toNumber(headers.get("retry-after-ms"));
  if (exact !== undefined) return exact;
  const after = headers.get("retry-after");
  const seconds = toNumber(after);
  if (seconds !== undefined) return seconds * 1000;
  const date = after === null ? Number.NaN : Date.parse(after);
  // A number that is not accepted above, such as a negative one, is no date either, whatever Date.parse makes of it.
  if (!Number.isNaN(date) && /[a-z]/i.test(after!)) return Math.max(0, date - now);
  const hint = text === "" ? null : hintInBody.exec(text);
  return hint === null ? undefined : Number(hint[1] ?? hint[2] ?? hint[3]) * 1000;
}

function toNumber(text: string | null): number | undefined {
  return text !== null && /^\s*\d{1,12}(\.\d{1,9})?\s*$/.test(text) ? Number(text) : undefined;
}
