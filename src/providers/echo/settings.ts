/** How the simulated provider behaves; each may be set for all requests and again for one. */
export interface EchoSettings {
  /** Milliseconds before the first byte. */
  readonly latencyMs: number;
  /** Words of the answer: the echoed text is repeated or cut to it. 0 means the text as it is. */
  readonly tokens: number;
  /** Pieces a stream is cut into. 0 means one for each word. */
  readonly chunks: number;
  /** Milliseconds between the pieces of a stream. */
  readonly chunkMs: number;
  /** Name of an offered tool to call; empty leaves it to the text. */
  readonly tool: string;
  /**
   * What goes wrong: `refuse` (no connection), `hang` (no answer at all), `garbage` (not the format), `truncate` (ends
   * half-way), `reset` (breaks off half-way), `status:<number>` (an error answer). Empty means nothing.
   */
  readonly fault: string;
}

/** The header with which a request changes the settings for itself, as JSON or `name=value` pairs. */
export const echoHeader = "sluice-echo";

export const defaultEchoSettings: EchoSettings = Object.freeze({
  latencyMs: 0,
  tokens: 0,
  chunks: 0,
  chunkMs: 0,
  tool: "",
  fault: "",
});

const numbers: Readonly<Record<string, "latencyMs" | "tokens" | "chunks" | "chunkMs">> = {
  latency_ms: "latencyMs",
  tokens: "tokens",
  chunks: "chunks",
  chunk_ms: "chunkMs",
};
const faults = /^(refuse|hang|garbage|truncate|reset|status:[45]\d\d)?$/;

/**
 * Applies the text of a `sluice-echo` header: `latency_ms=20, chunks=5, fault=status:429` or the same as a JSON object.
 *
 * @throws RangeError that names the setting, what was received and what is accepted
 */
export function overrideSettings(settings: EchoSettings, text: string): EchoSettings {
  const next: { -readonly [K in keyof EchoSettings]: EchoSettings[K] } = { ...settings };
  for (const [name, value] of pairs(text)) {
    const number = numbers[name];
    if (number !== undefined) {
      if (!/^\d{1,6}$/.test(value)) throw new RangeError(`${name} must be a whole number up to 999999, not '${value}'`);
      next[number] = Number(value);
    } else if (name === "fault") {
      if (!faults.test(value)) throw new RangeError(`fault '${value}' is unknown`);
      next.fault = value;
    } else if (name === "tool") {
      next.tool = value;
    } else {
      throw new RangeError(`'${name}' is unknown; known are ${Object.keys(numbers).join(", ")}, fault and tool`);
    }
  }
  return next;
}

function pairs(text: string): [string, string][] {
  if (text.trimStart().startsWith("{")) {
    const given: Record<string, unknown> = parse(text);
    return Object.entries(given).map(([name, value]) => [name, String(value)]);
  }
  const items = text.split(/[,;]/).map((item) => item.trim());
  return items
    .filter((item) => item !== "")
    .map((item) => {
      const [name = "", ...value] = item.split("=");
      return [name.trim(), value.join("=").trim()];
    });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RangeError("the setting is not valid JSON", { cause });
  }
}
