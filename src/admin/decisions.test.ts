import { describe, expect, test } from "bun:test";
import { append, decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

type Row = Record<string, unknown>;

const plain = {
  revision: "sha256:old",
  outcome: "ok",
  tally: { decided: 1, notApplicable: 0, errors: 0 },
  micros: 4,
} as const;

/** Three refusals, one of them of another policy and application, one warning with an error, two plain passes. */
async function withDecisions() {
  const admin = await startTestAdmin();
  const [cap] = decisionRow().decision.findings;
  const size = { ...cap!, policy: "org/size%", rule: "big", code: "too_large" };
  const failed = {
    ...cap!,
    policy: "org/odd",
    rule: "",
    kind: "error",
    effect: "warn",
    would: "warn",
    code: "policy_error",
  } as const;
  const decision = { ...decisionRow().decision };
  await append(admin.store, {
    decisions: [
      decisionRow({ requestId: "req_1" }),
      decisionRow({ requestId: "req_2", env: "dev", ts: decisionRow().ts + 3_600_000 }),
      decisionRow({
        requestId: "req_3",
        app: "batch",
        model: "gpt-4o-mini",
        surface: "messages",
        key: "k2",
        decision: { ...decision, findings: [size, cap!] },
      }),
      decisionRow({
        requestId: "req_4",
        org: "other",
        phase: "response",
        decision: {
          phase: "response",
          effect: "warn",
          outcome: "error",
          findings: [failed],
          tally: { decided: 1, notApplicable: 0, errors: 1 },
        },
      }),
    ],
    usage: [usageRow({ requestId: "req_5", request: plain }), usageRow({ requestId: "req_6", request: plain })],
  });
  const list = async (path: string) => (await admin.call("GET", `/admin/v1/decisions${path}`)).json();
  const ids = async (query: string) => (await list(query)).data.map((row: Row) => row.request_id).sort();
  return { admin, list, ids, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

describe("decisions", () => {
  test.each([
    ["env=dev", ["req_2"]],
    ["key=k2", ["req_3"]],
    ["surface=messages", ["req_3"]],
    ["model=gpt-4o-mini", ["req_3"]],
    ["revision=sha256:old", ["req_5", "req_6"]],
    ["phase=response", ["req_4"]],
    ["outcome=error", ["req_4"]],
    ["decision=allow", ["req_5", "req_6"]],
    ["code=too_large", ["req_3"]],
    ["policy=org/cap", ["req_1", "req_2", "req_3"]],
    ["policy=org/size%25", ["req_3"]],
    ["policy=org/ca%25", []],
    ["policy=ORG/CAP", []],
    ["org=other", ["req_4"]],
    ["policy=org/cap&env=dev", ["req_2"]],
  ])("are selected by %s", async (query, expected) => {
    await using known = await withDecisions();
    expect(await known.ids(`?${query}`)).toEqual(expected);
  });

  test("are counted, in all and by what they are grouped by", async () => {
    await using known = await withDecisions();
    const all = await known.list("/stats");
    expect(all).toEqual({
      data: [
        {
          ...{ group: {}, decisions: 6, allowed: 2, warned: 1, modified: 0, denied: 3, with_errors: 1 },
          evaluation_us: { mean: expect.any(Number), max: 15 },
        },
      ],
      truncated: false,
      dropped: 0,
    });
    const groups = async (query: string) =>
      (await known.list(`/stats?${query}`)).data.map(({ group, decisions }: Row) => [group, decisions]);
    expect(await groups("group_by=policy,rule")).toEqual([
      [{ policy: "", rule: "" }, 2],
      [{ policy: "org/cap", rule: "over" }, 2],
      [{ policy: "org/odd", rule: "" }, 1],
      [{ policy: "org/size%", rule: "big" }, 1],
    ]);
    expect(await groups("group_by=hour&decision=deny")).toEqual([
      [{ hour: "2026-01-31T12:00:00.000Z" }, 2],
      [{ hour: "2026-01-31T13:00:00.000Z" }, 1],
    ]);
    expect(await groups("group_by=day,org")).toEqual([
      [{ day: "2026-01-31", org: "default" }, 5],
      [{ day: "2026-01-31", org: "other" }, 1],
    ]);
    const first = await known.list("/stats?group_by=app&limit=1");
    expect([first.data.length, first.truncated]).toEqual([1, true]);
    const refused = await known.admin.call("GET", "/admin/v1/decisions/stats?group_by=colour");
    expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
  });

  test("are exported as they are listed, a line each, however many pages they take", async () => {
    await using known = await withDecisions();
    const more = Array.from({ length: 450 }, (_, i) => decisionRow({ env: "bulk", ts: decisionRow().ts + i }));
    await append(known.admin.store, { decisions: more });
    const answer = await known.admin.call("GET", "/admin/v1/decisions/export");
    expect([answer.status, answer.type]).toEqual([200, "application/x-ndjson"]);
    expect(answer.text.endsWith("\n")).toBe(true);
    const rows = answer.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    expect(rows).toHaveLength(456);
    expect(new Set(rows.map((row) => row.decision_id)).size).toBe(456);
    const listed: Row[] = [];
    for (let page = await known.list("?limit=200"); ; page = await known.list(`?limit=200&cursor=${page.next}`)) {
      listed.push(...page.data);
      if (page.next === null) break;
    }
    expect(rows).toEqual(listed);
    expect((await known.admin.call("GET", "/admin/v1/decisions/export?env=dev")).text.match(/\n/g)).toHaveLength(1);
    expect((await known.admin.call("GET", "/admin/v1/decisions/export?env=none")).text).toBe("");
  });

  test("are read from the database only as fast as an export is read", async () => {
    await using known = await withDecisions();
    const rows = Array.from({ length: 1000 }, (_, i) => decisionRow({ ts: decisionRow().ts + i }));
    await append(known.admin.store, { decisions: rows });
    const { app, adminKey } = known.admin;
    const headers = { authorization: `Bearer ${adminKey}` };
    const answer = await app.handle(new Request("http://localhost/admin/v1/decisions/export", { headers }));
    const reader = answer.body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    expect(first.match(/\n/g)).toHaveLength(200);
    // One who leaves ends it; nothing goes on in the background, or closing the store would fail.
    await reader.cancel();
  });

  test("of another organisation are neither listed, counted nor exported for an operator of one", async () => {
    await using known = await withDecisions();
    const { key } = (
      await known.admin.call("POST", "/admin/v1/admin-keys", {
        body: { name: "one", role: "auditor", organisation: "default" },
      })
    ).json();
    const call = async (path: string) => (await known.admin.call("GET", `/admin/v1/decisions${path}`, { key })).text;
    for (const path of ["", "/export"]) {
      expect((await call(path)).match(/"decision_id"/g)).toHaveLength(5);
      expect(await call(path)).not.toContain('"other"');
      expect(await call(`${path}?org=other`)).not.toContain("decision_id");
    }
    expect(JSON.parse(await call("/stats?group_by=org")).data).toEqual([
      expect.objectContaining({ group: { org: "default" }, decisions: 5 }),
    ]);
    expect(JSON.parse(await call("/stats?org=other")).data).toEqual([]);
  });
});
