import { definePlugin, type FactName, PluginConfigError, type RuleHit, t } from "../../src/sdk/index.ts";

/** Limits the parts of one request. All limits that are exceeded are reported, not only the first. */
export default definePlugin({
  name: "message_limits",
  summary: "Limits the messages, tools, images and characters of a request.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    max_messages: t.Optional(t.Integer({ minimum: 1, description: "Most messages, the system prompt included." })),
    max_tools: t.Optional(t.Integer({ minimum: 0, description: "Most tools offered; 0 forbids tools." })),
    max_images: t.Optional(t.Integer({ minimum: 0, description: "Most images in all messages; 0 forbids images." })),
    max_characters: t.Optional(
      t.Integer({ minimum: 1, description: "Most characters (UTF-16 units) of all message texts together." }),
    ),
  }),
  reads: [],
  reasons: {
    tooManyMessages: { message: "The request has {count} messages, the most accepted is {max}." },
    tooManyTools: { message: "The request offers {count} tools, the most accepted is {max}." },
    tooManyImages: { message: "The request has {count} images, the most accepted is {max}." },
    tooManyCharacters: { message: "The messages have {count} characters, the most accepted is {max}." },
  },
  examples: [{ max_messages: 100, max_tools: 32 }, { max_images: 0 }],

  create({ max_messages, max_tools, max_images, max_characters }, { deny }) {
    const limits = [
      { max: max_messages, fact: "request.message_count", field: "message_count", reason: "tooManyMessages" },
      { max: max_tools, fact: "request.tool_count", field: "tool_count", reason: "tooManyTools" },
      { max: max_images, fact: "request.image_count", field: "image_count", reason: "tooManyImages" },
      { max: max_characters, fact: "request.characters", field: "characters", reason: "tooManyCharacters" },
    ] as const;
    const active = limits.flatMap(({ max, ...rest }) => (max === undefined ? [] : [{ max, ...rest }]));
    if (active.length === 0) {
      throw new PluginConfigError("", "set at least one of max_messages, max_tools, max_images, max_characters");
    }
    return {
      // Only what is limited is counted: images and characters need a walk over the body.
      reads: active.map(({ fact }): FactName => fact),
      request({ request }) {
        let hits: RuleHit[] | null = null;
        for (const { max, field, reason } of active) {
          const count = request[field];
          if (count <= max) continue;
          hits ??= [];
          hits.push(deny(reason, { count, max }));
        }
        return hits;
      },
    };
  },
});
