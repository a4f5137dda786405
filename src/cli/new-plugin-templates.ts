/** `hello_world` as the name of a constant: `helloWorld`. */
function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The code: a small plugin that shows a config field, a fact, a reason and a handler. */
export function sourceTemplate(name: string, sdk: string): string {
  return `import { definePlugin, t } from "${sdk}";

/** Refuses requests with more messages than a maximum. Say here why the policy exists. */
export default definePlugin({
  name: "${name}",
  summary: "Refuses requests with too many messages.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    max_messages: t.Integer({ minimum: 1, description: "Most messages of one request." }),
  }),
  reads: ["request.message_count"],
  reasons: {
    tooMany: {
      code: "${name}_too_many",
      message: "The request has {count} messages, the most accepted is {max}.",
    },
  },
  examples: [{ max_messages: 20 }],

  create: ({ max_messages: max }, { deny }) => ({
    request({ request: { message_count: count } }) {
      return count <= max ? null : deny("tooMany", { count, max });
    },
  }),
});
`;
}

/** The test: one case for each answer, one config that is refused. */
export function testTemplate(name: string, testing: string): string {
  return `import { testPlugin } from "${testing}";
import ${camel(name)} from "./plugin.ts";

testPlugin(${camel(name)}, {
  dir: import.meta.dir,
  config: { max_messages: 2 },
  cases: [
    { name: "a request at the maximum passes", facts: { request: { message_count: 2 } }, expects: "allow" },
    {
      name: "one message more is refused",
      facts: { request: { message_count: 3 } },
      expects: {
        deny: "tooMany",
        code: "${name}_too_many",
        status: 403,
        message: "The request has 3 messages, the most accepted is 2.",
      },
    },
  ],
  refuses: [{ config: { max_messages: 0 }, at: "max_messages" }],
});
`;
}

/** The README, with the sections that the test looks for. */
export function readmeTemplate(name: string): string {
  const code = `\`${name}_too_many\``;
  return `# ${name}

## Name

\`${name}\`: refuses requests with too many messages.

## Description

What the policy is for, when to use it, and what it does not do.

## Config

| key            | type                          | meaning                      |
| -------------- | ----------------------------- | ---------------------------- |
| \`max_messages\` | integer, at least 1, required | most messages of one request |

## Examples

\`\`\`yaml
description: Short conversations only.
uses: ${name}
with:
  max_messages: 20
\`\`\`

## Reasons

| ${"code".padEnd(code.length)} | status | when                                              |
| ${"-".repeat(code.length)} | ------ | ------------------------------------------------- |
| ${code} | 403    | the request has more messages than \`max_messages\` |
`;
}
