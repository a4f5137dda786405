import { definePolicy } from "../../src/sdk";
import { looksOf } from "./lookalikes.ts";

export default definePolicy({
  description: "Tools whose names look alike are pointed out: asked to call one, a model may call the other.",
  owner: "security",
  mode: "warn",
  reads: ["request.tool_names"],
  request({ request }) {
    const seen = new Map<string, string>();
    for (const name of request.tool_names) {
      const looks = looksOf(name);
      const other = seen.get(looks) ?? name;
      if (other !== name) {
        return { decision: "deny", code: "lookalike_tools", message: `the tools ${other} and ${name} look alike` };
      }
      seen.set(looks, name);
    }
    return null;
  },
});
