import { testPlugin } from "../../src/sdk/testing.ts";
import concurrency from "./plugin.ts";

testPlugin(concurrency, {
  dir: import.meta.dir,
  config: { max: 3 },
  cases: [
    {
      name: "each request of an application holds one place",
      expects: {
        limits: [{ name: "concurrency", per: ["app"], unit: "concurrency", max: 3, amount: 1, onStoreDown: "local" }],
      },
      reads: ["app.id"],
    },
    {
      name: "places can be told apart by whatever identifies a request",
      config: { max: 1, per: ["org", "team", "env", "key", "user", "model", "provider"], onStoreDown: "deny" },
      expects: {
        limits: [{ per: ["org", "team", "env", "key", "user", "model", "provider"], max: 1, onStoreDown: "deny" }],
      },
      reads: ["org.id", "team.id", "app.env", "key.id", "user.id", "request.model", "request.provider"],
    },
    {
      name: "with every place taken a request is refused",
      expects: {
        exhausted: "concurrency",
        used: 3,
        resetSeconds: 1,
        expects: {
          deny: "tooMany",
          code: "concurrency_exceeded",
          status: 429,
          message: "3 of 3 requests are under way at once; try again when one of them has ended.",
        },
      },
    },
    {
      name: "a place that is taken says nothing",
      expects: { granted: "concurrency", used: 2, resetSeconds: 1, expects: null },
    },
  ],
  accepts: [{ max: 1 }, { max: 1_000_000, onStoreDown: "allow" }],
  refuses: [
    { config: {}, at: "", message: "'max' is missing; expected an integer from 1 to 1000000" },
    { config: { max: 0 }, at: "max" },
    { config: { max: 1_000_001 }, at: "max" },
    { config: { max: 1.5 }, at: "max" },
    { config: { max: 1, per: [] }, at: "per" },
    { config: { max: 1, per: ["app", "app"] }, at: "per" },
    { config: { max: 1, per: ["tenant"] }, at: "per.0" },
    { config: { max: 1, onStoreDown: "open" }, at: "onStoreDown" },
  ],
});
