import type { Logger } from "../core/ports.ts";

/**
 * An answer that is made while it is read: the next part is asked for when the one before was taken, so that a reader that
 * stops costs one part of memory, and one that goes away ends it. When making a part fails the answer is broken off, and the log
 * says why: its reader cannot be told.
 *
 * @param encode makes the text of a part; an empty one is passed over
 */
export function streamed<T>(
  parts: AsyncGenerator<T>,
  encode: (part: T) => string,
  headers: Readonly<Record<string, string>>,
  logger: Pick<Logger, "error">,
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const { done, value } = await parts.next();
            if (done === true) return controller.close();
            const text = encode(value);
            if (text !== "") return controller.enqueue(encoder.encode(text));
          }
        } catch (error) {
          logger.error({ err: error }, "an answer was broken off: the rest of it could not be made");
          throw error;
        }
      },
      async cancel() {
        await parts.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { ...headers, "cache-control": "no-store" } });
}
