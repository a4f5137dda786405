import { expect, test } from "bun:test";
import { join } from "node:path";
import { loadConfig } from "../config.ts";
import { type Running, startSluice } from "../main.ts";
import { testFolder } from "./testing.ts";

const root = join(import.meta.dir, "..", "..");
const path = "org/tool.policy.yaml";
const denying = "rules: [{ id: tool, when: '\"danger\" in request.tool_names', then: deny, code: tool_denied }]\n";
const body = JSON.stringify({
  model: "echo",
  messages: [{ role: "user", content: "hi" }],
  tools: [{ type: "function", function: { name: "danger", parameters: {} } }],
});

test("a gateway that starts over broken files goes on judging by its last good set, and says so everywhere", async () => {
  await using folder = await testFolder({ [path]: denying });
  const dataDir = join(folder.dir, "../data");
  const start = (): Promise<Running> => {
    const flags = { port: "0", "policies-dir": folder.dir, "data-dir": dataDir, "plugins-dir": join(root, "plugins") };
    const argv = Object.entries({ ...flags, "log-level": "silent" }).flatMap(([flag, value]) => [`--${flag}`, value]);
    return startSluice(loadConfig({ argv, env: {}, cwd: folder.dir }));
  };
  const first = await start();
  const { adminKey, demoKey } = first;
  await first.close(0);

  await folder.write(path, denying.replace("tool_names", "tool_nams"));
  const second = await start();
  try {
    const read = async (route: string) => {
      const answer = await fetch(second.url + route, { headers: { authorization: `Bearer ${adminKey}` } });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    const ask = async () => {
      const headers = { authorization: `Bearer ${demoKey}`, "content-type": "application/json" };
      const answer = await fetch(`${second.url}/v1/chat/completions`, { method: "POST", headers, body });
      return { status: answer.status, body: (await answer.json()) as { error?: { code: string } } };
    };
    expect(await ask()).toMatchObject({ status: 403, body: { error: { code: "tool_denied" } } });

    const where = expect.stringContaining("policies/org/tool.policy.yaml:1:");
    const part = { name: "policies", state: "degraded" };
    expect(await read("/readyz")).toMatchObject({
      status: 200,
      body: { status: "degraded", parts: [{ ...part, problem: where }] },
    });
    expect((await read("/admin/v1/status")).body).toMatchObject({
      status: "degraded",
      parts: expect.arrayContaining([{ ...part, detail: expect.stringContaining("the last good revision") }]),
    });
    const current = (await read("/admin/v1/policies/current")).body;
    expect(current).toMatchObject({ state: "degraded", origin: "retained", problems: [{ code: "C002" }] });
    expect((await read(`/admin/v1/revisions/${current.files}`)).body).toMatchObject({ live: true, actor: "files" });
    const metrics = await (await fetch(`${second.url}/metrics`)).text();
    for (const line of [
      'sluice_policy_loads_total{result="refused"} 1',
      'sluice_policy_loads_total{result="restored"} 1',
      `sluice_policy_revision_info{revision="${current.revision}"} 1`,
      'sluice_policy_state{state="degraded"} 1',
      'sluice_policy_state{state="ready"} 0',
    ]) {
      expect(metrics).toContain(line);
    }
    expect(Number(/sluice_policy_reload_seconds_count (\d+)/.exec(metrics)![1])).toBe(2);
    expect(metrics).not.toContain('revision="none"} 1');
  } finally {
    await second.close(0);
  }
});
