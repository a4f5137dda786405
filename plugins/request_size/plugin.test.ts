import { testPlugin } from "../../src/sdk/testing.ts";
import requestSize from "./plugin.ts";

testPlugin(requestSize, {
  dir: import.meta.dir,
  config: { max_request_bytes: 1000 },
  cases: [
    { name: "a body of exactly the maximum passes", facts: { request: { bytes: 1000 } }, expects: "allow" },
    {
      name: "one byte more is refused with 413",
      facts: { request: { bytes: 1001 } },
      expects: {
        deny: "tooLarge",
        code: "request_too_large",
        status: 413,
        message: "The request is 1001 bytes, the most accepted is 1000.",
      },
    },
  ],
  refuses: [
    {
      config: { max_request_bytes: 0 },
      at: "max_request_bytes",
      message: "expected an integer of at least 1, got 0",
    },
    { config: { max_request_bytes: "1000" }, at: "max_request_bytes" },
    { config: {}, at: "", message: "'max_request_bytes' is missing; expected an integer of at least 1" },
  ],
});
