import { FactFailure } from "../core/detectors.ts";
import type { Content } from "../core/policy.ts";
import { scanWhole } from "../core/scan-json.ts";
import type { TextScanner } from "../core/stream.ts";

/** Milliseconds of looking after which other requests get their turn. */
const turnMs = 5;

/** How a prompt is looked through for facts. */
export interface FactLook {
  /** Most characters, all texts together. */
  readonly max: number;
  /** Ends the look when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/**
 * Shows `look` each text of a prompt, and lets others have their turn between them.
 *
 * @throws FactFailure for a prompt of more than `max` characters: what was not looked at is not known
 */
export async function eachText(
  content: Content,
  { max, signal }: FactLook,
  look: (text: string) => void,
): Promise<void> {
  const texts = content.texts();
  if (texts.reduce((sum, { length }) => sum + length, 0) > max) throw new FactFailure("prompt too long");
  let from = performance.now();
  for (const text of texts) {
    look(text);
    if (performance.now() - from < turnMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    from = performance.now();
  }
}

/**
 * What a scanner finds in a prompt: how often, by type in the order of the alphabet. As {@link eachText}.
 */
export async function typesFound(
  scanner: TextScanner,
  content: Content,
  look: FactLook,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await eachText(content, look, (text) => {
    for (const { type } of scanWhole(scanner, text)) found.set(type, (found.get(type) ?? 0) + 1);
  });
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
