import { testPlugin } from "../../src/sdk/testing.ts";
import messageLimits from "./plugin.ts";

testPlugin(messageLimits, {
  dir: import.meta.dir,
  config: { max_messages: 10, max_tools: 2, max_images: 0, max_characters: 500 },
  cases: [
    {
      name: "a request at every maximum passes",
      facts: { request: { message_count: 10, tool_count: 2, image_count: 0, characters: 500 } },
      expects: "allow",
    },
    {
      name: "one message too many is refused",
      facts: { request: { message_count: 11 } },
      expects: { deny: "tooManyMessages", message: "The request has 11 messages, the most accepted is 10." },
    },
    {
      name: "zero images means none at all",
      facts: { request: { image_count: 1 } },
      expects: { deny: "tooManyImages", message: "The request has 1 images, the most accepted is 0." },
    },
    {
      name: "every limit that is exceeded is reported",
      facts: { request: { message_count: 12, tool_count: 3, characters: 501 } },
      expects: [
        { deny: "tooManyMessages", message: "The request has 12 messages, the most accepted is 10." },
        {
          deny: "tooManyTools",
          code: "too_many_tools",
          status: 403,
          message: "The request offers 3 tools, the most accepted is 2.",
        },
        { deny: "tooManyCharacters", message: "The messages have 501 characters, the most accepted is 500." },
      ],
    },
    {
      name: "what is not limited is neither judged nor read",
      config: { max_tools: 0 },
      facts: { request: { message_count: 9999, characters: 9_999_999, image_count: 99 } },
      expects: "allow",
      reads: ["request.tool_count"],
    },
  ],
  accepts: [{ max_messages: 1, max_characters: 1 }],
  refuses: [
    { config: {}, at: "", message: "set at least one of max_messages, max_tools, max_images, max_characters" },
    { config: { max_messages: 0 }, at: "max_messages", message: "expected an integer of at least 1, got 0" },
    { config: { max_tools: 1.5 }, at: "max_tools" },
    { config: { max_tools: -1 }, at: "max_tools" },
    { config: { max_images: -1 }, at: "max_images" },
    { config: { max_characters: 0 }, at: "max_characters" },
  ],
});
