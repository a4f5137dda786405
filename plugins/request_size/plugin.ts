import { definePlugin, t } from "../../src/sdk/index.ts";

/** Refuses bodies by their size after decompression, before anything reads what they say. */
export default definePlugin({
  name: "request_size",
  summary: "Refuses request bodies above a number of bytes.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    max_request_bytes: t.Integer({ minimum: 1, description: "Largest accepted body in bytes, after decompression." }),
  }),
  reads: ["request.bytes"],
  reasons: {
    tooLarge: {
      code: "request_too_large",
      status: 413,
      message: "The request is {bytes} bytes, the most accepted is {max}.",
    },
  },
  examples: [{ max_request_bytes: 1_000_000 }],

  create: ({ max_request_bytes: max }, { deny }) => ({
    request: ({ request }) => (request.bytes <= max ? null : deny("tooLarge", { bytes: request.bytes, max })),
  }),
});
