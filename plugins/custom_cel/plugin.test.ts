import { createCel } from "../../src/cel/cel.ts";
import { pluginCel } from "../../src/cel/plugin-tools.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import customCel from "./plugin.ts";

testPlugin(customCel, {
  dir: import.meta.dir,
  cel: pluginCel(createCel()),
  config: {
    pre_check_expression: "request.bytes < 1000 && model.startsWith('gpt-')",
    post_check_expression: "usage.total_tokens <= 500",
  },
  cases: [
    {
      name: "a request for which the expression is true passes",
      facts: { request: { bytes: 999, model: "gpt-4o" } },
      expects: "allow",
    },
    {
      name: "a request for which it is false is refused",
      facts: { request: { bytes: 1000, model: "gpt-4o" } },
      expects: {
        deny: "preCheckFailed",
        code: "pre_check_failed",
        status: 403,
        message: "The request does not pass the policy's check.",
      },
    },
    {
      name: "a finished call for which the expression is true is in order",
      phase: "usage",
      facts: { usage: { total_tokens: 500 } },
      expects: "allow",
    },
    {
      name: "a finished call for which it is false is noted, for it cannot be refused any more",
      phase: "usage",
      facts: { usage: { total_tokens: 501 } },
      expects: { warn: "postCheckFailed", message: "The finished call does not pass the policy's check." },
    },
    {
      name: "message, code and status can be the policy's own",
      config: {
        pre_check_expression: "app.env != 'dev'",
        message: "Development keys may not call models.",
        code: "no_dev",
        status: 451,
      },
      facts: { app: { env: "dev" } },
      expects: {
        deny: "preCheckFailed",
        code: "no_dev",
        status: 451,
        message: "Development keys may not call models.",
      },
    },
  ],
  accepts: [400, 599].map((status) => ({ pre_check_expression: "request.stream", status, message: "m", code: "c" })),
  refuses: [
    { config: {}, at: "", message: "set pre_check_expression, post_check_expression or both" },
    { config: { pre_check_expression: "request.byte < 5" }, at: "pre_check_expression" },
    { config: { pre_check_expression: "usage.total_tokens < 5" }, at: "pre_check_expression" },
    { config: { pre_check_expression: "request.bytes" }, at: "pre_check_expression" },
    { config: { pre_check_expression: "request.bytes <" }, at: "pre_check_expression" },
    { config: { post_check_expression: "1 +" }, at: "post_check_expression" },
    {
      config: { pre_check_expression: "" },
      at: "pre_check_expression",
      message: "expected a string of at least 1 character, got ''",
    },
    { config: { pre_check_expression: "request.bytes < 5", message: "" }, at: "message" },
    { config: { pre_check_expression: "request.bytes < 5", status: 399 }, at: "status" },
    { config: { pre_check_expression: "request.bytes < 5", status: 600 }, at: "status" },
    { config: { pre_check_expression: "request.bytes < 5", code: "No Dev" }, at: "code" },
  ],
});
