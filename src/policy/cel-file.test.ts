import { describe, expect, test } from "bun:test";
import type { Decision } from "../core/decision.ts";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import { type LoadResult, loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

async function load(text: string): Promise<LoadResult & { readonly ok: true }> {
  await using folder = await testFolder({ "org/a.cel": text });
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

async function ask(
  text: string,
  change: (facts: Facts) => void = () => undefined,
  phase: Phase = "request",
): Promise<Decision> {
  const facts = emptyFacts();
  change(facts);
  return evaluate((await load(text)).snapshot.policies, phase, facts);
}

const shell = `//! description: Tools that run: shell commands # are not for this gateway.
//! owner: platform

// A note that is nobody's business.
//! deny: shell_tool 451 "{request.tool_names} is \\"not\\" allowed"
!request.tool_names.exists(t, t.startsWith("shell.")) // as it is
`;

describe("a .cel file", () => {
  test("denies when its body is not true, with the header's code, status and message", async () => {
    const decision = await ask(shell, ({ request }) => (request.tool_names = ["search", "shell.run"]));
    expect(decision.effect).toBe("deny");
    expect(decision.findings).toMatchObject([
      {
        policy: "org/a",
        rule: "shell_tool",
        code: "shell_tool",
        status: 451,
        message: 'search, shell.run is "not" allowed',
      },
    ]);
  });

  test("says nothing when its body is true", async () => {
    expect(await ask(shell, ({ request }) => (request.tool_names = ["search"]))).toMatchObject({
      effect: "allow",
      outcome: "ok",
      findings: [],
    });
  });

  test("tells who answers for it, and in its own words what it is for", async () => {
    const { snapshot, sources, compiled } = await load(shell);
    expect(snapshot.policies).toMatchObject([
      {
        id: "org/a",
        uses: "rules",
        description: "Tools that run: shell commands # are not for this gateway.",
        rules: [{ id: "shell_tool", effect: "deny", code: "shell_tool" }],
      },
    ]);
    expect(sources.get("org/a")?.owner).toBe("platform");
    expect(
      compiled[0]?.conditions.map(({ path, cel }) => [path, cel.source.startsWith("!request.tool_names")]),
    ).toEqual([["rules.0.must", true]]);
  });

  test("uses its description, or else its name, as message", async () => {
    const short = "//! deny: small\nrequest.bytes > 5\n";
    expect((await ask(short)).findings[0]).toMatchObject({ message: "refused by the policy org/a", status: 403 });
    expect((await ask(`//! description: Be large.\n${short}`)).findings[0]?.message).toBe("Be large.");
  });

  test("takes phase, mode, scope, gates, params and variables in its header", async () => {
    const text = `//! warn: spent "{vars.spent} of {params.most}"
//! phase: usage
//! mode: audit
//! onError: allow
//! priority: 7
//! scope: { env: [prod], except: { apps: [batch] } }
//! match: ['response.status == 200']
//! params: { most: { type: int, default: 5 } }
//! variables: { spent: usage.total_tokens }
vars.spent <= params.most
`;
    const { snapshot } = await load(text);
    expect(snapshot.policies).toMatchObject([
      { mode: "audit", onError: "allow", priority: 7, scope: { env: ["prod"], except: { apps: ["batch"] } } },
    ]);
    const answered = (tokens: number, status: number) => (facts: Facts) => {
      facts.usage.total_tokens = tokens;
      facts.response.status = status;
    };
    expect((await ask(text, answered(6, 200), "usage")).findings).toMatchObject([
      { effect: "allow", would: "warn", code: "spent", message: "6 of 5" },
    ]);
    expect((await ask(text, answered(5, 200), "usage")).outcome).toBe("ok");
    expect((await ask(text, answered(6, 500), "usage")).outcome).toBe("not_applicable");
  });

  test("fails closed when its body cannot be evaluated", async () => {
    const text = '//! deny: grown\nint(request.headers["x-size"]) < 5\n';
    expect(await ask(text)).toMatchObject({ effect: "deny", outcome: "error", findings: [{ kind: "error" }] });
    const sized = (size: string) => (facts: Facts) => (facts.request.headers = { "x-size": size });
    expect((await ask(text, sized("4"))).effect).toBe("allow");
    expect((await ask(text, sized("5"))).findings[0]?.kind).toBe("hit");
  });

  test("means the same with other line ends, in one line or in many", async () => {
    const text = "//! deny: a\r\n\r\nrequest.stream\r\n  || // either\r\n  request.bytes < 5\r\n";
    const large = ({ request }: Facts) => (request.bytes = 5);
    expect((await ask(text, large)).effect).toBe("deny");
    expect((await ask(text)).effect).toBe("allow");
    expect((await ask("//! deny: a\nrequest.bytes < 5", large)).effect).toBe("deny");
  });
});
