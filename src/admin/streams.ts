/**
 * An answer that is made while it is read: the next part is asked for when the one before was taken, so that a reader that
 * stops costs one part of memory, and one that goes away ends it. When making a part fails the answer is broken off.
 *
 * @param encode makes the text of a part; an empty one is passed over
 */
export function streamed<T>(
  parts: AsyncGenerator<T>,
  encode: (part: T) => string,
  headers: Readonly<Record<string, string>>,
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await parts.next();
          if (done === true) return controller.close();
          const text = encode(value);
          if (text !== "") return controller.enqueue(encoder.encode(text));
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
