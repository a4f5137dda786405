/**
 * What may be logged of a failed policy. The message of what was thrown can hold the values that it met, which are the
 * client's: of an expression its code and place in the source say as much to who wrote it, of code its kind and where it was
 * thrown.
 */
export function loggable(error: unknown): object {
  const { code, range } = Object(error) as { code?: unknown; range?: unknown };
  if (typeof code === "string" && range !== undefined) return { code, range };
  if (!(error instanceof Error)) return { thrown: typeof error };
  const at = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return { thrown: error.name, at: at.slice(0, 10).map((line) => line.trim()) };
}
