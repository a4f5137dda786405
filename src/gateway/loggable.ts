/**
 * What may be logged of a failed policy. The message of what was thrown can hold the values that it met, which are the
 * client's: of an expression its code and place in the source say as much to who wrote it, of code its kind and where it was
 * thrown.
 */
export function loggable(error: unknown): object {
  const { code, range } = Object(error) as { code?: unknown; range?: unknown };
  if (typeof code === "string" && range !== undefined) return { code, range };
  if (!(error instanceof Error)) return { thrown: typeof error };
  const { name, message, stack = "" } = error;
  // The stack begins with the message, whose lines may look like places.
  const from = stack.indexOf(message);
  const places = stack.slice(from < 0 ? stack.length : from + message.length).split("\n");
  const at = places.map((line) => line.trim()).filter((line) => /^at .*:\d+:\d+\)?$/.test(line));
  return { thrown: name, at: at.slice(0, 10) };
}
