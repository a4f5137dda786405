/**
 * Reads a list of headers as `OTEL_EXPORTER_OTLP_HEADERS` has it: `name=value` pairs with commas between them, values
 * percent-encoded. `undefined` when it is none.
 */
export function parseOtlpHeaders(list: string): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (const pair of list.split(",")) {
    if (pair.trim() === "") continue;
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(.*)$/.exec(pair) ?? [];
    if (name === undefined) return undefined;
    try {
      headers[name] = decodeURIComponent(value!.trim());
    } catch {
      return undefined;
    }
  }
  return headers;
}

/** Whether a text is such a list, with at least one header. */
export function isOtlpHeaders(list: string): boolean {
  const headers = parseOtlpHeaders(list);
  return headers !== undefined && Object.keys(headers).length > 0;
}
