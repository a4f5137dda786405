import { describe, expect, test } from "bun:test";
import { until } from "../gateway/e2e-harness.ts";
import { decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

type Admin = Awaited<ReturnType<typeof startTestAdmin>>;
interface Heard {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Follows the activity as a browser does: events, and the id to come again with. */
async function follow(admin: Admin, query = "", options: { key?: string; lastEventId?: string } = {}) {
  const { key = admin.adminKey, lastEventId } = options;
  const answer = await admin.app.handle(
    new Request(`http://localhost/admin/v1/activity/stream${query}`, {
      headers: { authorization: `Bearer ${key}`, ...(lastEventId !== undefined && { "last-event-id": lastEventId }) },
    }),
  );
  const heard: Heard[] = [];
  const state = { answer, heard, lastId: "", ended: false, beats: 0, raw: "" };
  if (!answer.ok) return { ...state, stop: () => Promise.resolve() };
  const reader = answer.body!.getReader();
  let rest = "";
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += new TextDecoder().decode(part.value);
      const blocks = rest.split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) take(block);
    }
    state.ended = true;
  };
  const take = (block: string) => {
    const fields = new Map(block.split("\n").map((line) => line.split(/: ?(.*)/s) as [string, string]));
    state.raw += `${block}\n\n`;
    state.lastId = fields.get("id") ?? state.lastId;
    if (block.startsWith(":")) state.beats += 1;
    const data = fields.get("data");
    if (data === undefined) return;
    heard.push({ id: fields.get("id") ?? "", event: fields.get("event")!, data: JSON.parse(data) });
  };
  void read().catch(() => {
    state.ended = true;
  });
  return Object.assign(state, { stop: () => reader.cancel() });
}

const plain = {
  revision: "sha256:test",
  outcome: "ok",
  tally: { decided: 1, notApplicable: 0, errors: 0 },
  micros: 4,
} as const;
const newKey = async (admin: Admin, role: string, organisation: string | null) =>
  (await admin.call("POST", "/admin/v1/admin-keys", { body: { name: role, role, organisation } })).json() as {
    id: string;
    key: string;
  };

describe("the activity stream", () => {
  test("tells each decision as it is made, allowed ones too, without facts and prompts", async () => {
    await using admin = await startTestAdmin();
    const stream = await follow(admin, "?kinds=decision");
    expect(stream.answer.headers.get("content-type")).toBe("text/event-stream");
    expect(stream.answer.headers.get("cache-control")).toBe("no-store");
    admin.recorder.decision(decisionRow({ requestId: "req_1", facts: { looks: [{ "request.bytes": 1 }] } }));
    admin.recorder.usage(usageRow({ requestId: "req_2", request: plain }));
    // Its decision was told by itself.
    admin.recorder.usage(usageRow({ requestId: "req_1" }));
    await until(() => stream.heard.length === 2);
    expect(stream.heard.map(({ event, data }) => [event, data.decision_id, data.decision, data.code])).toEqual([
      ["decision", "dec_1_request", "deny", "token_cap"],
      ["decision", "dec_2_request", "allow", ""],
    ]);
    expect(stream.heard[0]!.data).toMatchObject({
      ...{ app: "chat", env: "prod", key: "k1", surface: "chat", model: "gpt-4o", revision: "sha256:test" },
      reasons: [{ policy: "org/cap", rule: "over", message: "asked for 21000 tokens, the cap is 16000" }],
    });
    expect(stream.raw).not.toContain("request.bytes");
    await stream.stop();
    await until(() => admin.activity.followers === 0);
  });

  test.each([
    ["app=batch", ["req_2"]],
    ["env=dev", ["req_3"]],
    ["key=k9", ["req_3"]],
    ["model=echo", ["req_2"]],
    ["surface=messages", ["req_3"]],
    ["phase=response", ["req_2"]],
    ["decision=allow", ["req_4"]],
    ["decision=deny,warn", ["req_1", "req_2", "req_3"]],
    ["code=token_cap&env=prod", ["req_1", "req_2"]],
    ["policy=org/cap&app=chat", ["req_1", "req_3"]],
    ["policy=org/other", []],
    ["org=none", []],
  ])("is filtered by %s", async (query, expected) => {
    await using admin = await startTestAdmin();
    const [stream, all] = [await follow(admin, `?${query}`), await follow(admin, "?kinds=decision")];
    admin.recorder.decision(decisionRow({ requestId: "req_1" }));
    const response = { ...decisionRow().decision, phase: "response" } as const;
    admin.recorder.decision(
      decisionRow({ requestId: "req_2", app: "batch", model: "echo", phase: "response", decision: response }),
    );
    admin.recorder.decision(decisionRow({ requestId: "req_3", env: "dev", key: "k9", surface: "messages" }));
    admin.recorder.usage(usageRow({ requestId: "req_4", request: plain }));
    await until(() => all.heard.length === 4 && stream.heard.length >= expected.length);
    expect(stream.heard.map(({ data }) => String(data.request_id))).toEqual(expected);
    await Promise.all([stream.stop(), all.stop()]);
  });

  test("tells who changed what, at once, with what the audit log has of it", async () => {
    await using admin = await startTestAdmin();
    const stream = await follow(admin, "?kinds=change");
    const made = await admin.call("POST", "/admin/v1/applications", { body: { name: "followed" } });
    expect(made.status).toBe(201);
    await until(() => stream.heard.length > 0);
    const [{ event, data }] = stream.heard as [Heard];
    expect([event, data.organisation]).toEqual(["change", "default"]);
    const { data: entries } = (await admin.call("GET", "/admin/v1/audit")).json();
    const { actor, action, subject, detail, seq } = entries.find((one: { seq: number }) => one.seq === data.seq);
    expect(data).toMatchObject({ actor, action, subject, detail, seq });
    await stream.stop();
  });

  test("goes on after the last event that was seen, and tells of a gap where it cannot", async () => {
    await using admin = await startTestAdmin();
    const first = await follow(admin, "?kinds=decision");
    admin.recorder.decision(decisionRow({ requestId: "req_1" }));
    await until(() => first.heard.length === 1);
    await first.stop();
    admin.recorder.decision(decisionRow({ requestId: "req_2" }));
    const again = await follow(admin, "?kinds=decision", { lastEventId: first.lastId });
    await until(() => again.heard.length === 1);
    expect(again.heard.map(({ event, data }) => [event, data.request_id])).toEqual([["decision", "req_2"]]);
    await again.stop();

    const stranger = await follow(admin, "?kinds=decision", { lastEventId: "never-was" });
    await until(() => stranger.heard.length === 1);
    expect(stranger.heard).toEqual([{ id: expect.any(String), event: "gap", data: { reason: "unknown_id" } }]);
    await stranger.stop();
  });

  test("goes on without a gap also for one who saw no event: a heartbeat tells the place", async () => {
    await using admin = await startTestAdmin();
    const stream = await follow(admin, "?decision=modify");
    admin.recorder.decision(decisionRow({ requestId: "req_1" }));
    await until(() => stream.beats >= 2);
    await stream.stop();
    const again = await follow(admin, "?kinds=decision", { lastEventId: stream.lastId });
    admin.recorder.decision(decisionRow({ requestId: "req_2" }));
    await until(() => again.heard.length > 0);
    expect(again.heard.map(({ data }) => data.request_id)).toEqual(["req_2"]);
    await again.stop();
  });

  test("ends when it was to end, and with the feed", async () => {
    await using admin = await startTestAdmin();
    const [timed, open] = [await follow(admin, "?seconds=1"), await follow(admin)];
    await until(() => timed.ended);
    expect(open.ended).toBe(false);
    admin.activity.close();
    await until(() => open.ended);
    expect(admin.activity.followers).toBe(0);
  });

  test("ends when its credential is revoked", async () => {
    await using admin = await startTestAdmin();
    const { id, key } = await newKey(admin, "viewer", null);
    const stream = await follow(admin, "", { key });
    await until(() => stream.beats > 0);
    const revoked = await admin.call("DELETE", `/admin/v1/admin-keys/${id}`);
    expect(revoked.status).toBeLessThan(300);
    await until(() => stream.ended);
  });

  test("ends with its credential, however many others of it are looked at in the same minute", async () => {
    await using admin = await startTestAdmin(undefined, { failedAttemptsPerMinute: 1 });
    const { id, key } = await newKey(admin, "viewer", null);
    const streams = await Promise.all([1, 2, 3].map(() => follow(admin, "", { key })));
    await admin.call("DELETE", `/admin/v1/admin-keys/${id}`);
    await until(() => streams.every(({ ended }) => ended));
    expect(admin.activity.followers).toBe(0);
  });

  test("shows an operator of one organisation nothing of another one", async () => {
    await using admin = await startTestAdmin();
    const { key } = await newKey(admin, "auditor", "default");
    const [own, all] = [await follow(admin, "", { key }), await follow(admin)];
    const wanted = await follow(admin, "?org=other", { key });
    admin.recorder.decision(decisionRow({ requestId: "req_1", org: "other" }));
    await admin.call("POST", "/admin/v1/organisations", { body: { name: "Rivals" } });
    admin.recorder.decision(decisionRow({ requestId: "req_2" }));
    await until(() => own.heard.length > 0 && all.heard.length >= 3);
    expect(own.heard.map(({ data }) => data.request_id)).toEqual(["req_2"]);
    expect(own.raw).not.toContain("other");
    expect(own.raw).not.toContain("Rivals");
    expect(wanted.heard).toEqual([]);
    await Promise.all([own, all, wanted].map(({ stop }) => stop()));
  });

  test("leaves room for others, however many streams one organisation opens", async () => {
    await using admin = await startTestAdmin();
    const [{ key }, { key: other }] = [
      await newKey(admin, "viewer", "default"),
      await newKey(admin, "owner", "default"),
    ];
    const opened = [];
    for (let i = 0; i < 30; i += 1) opened.push(await follow(admin, "", { key: i % 2 === 0 ? key : other }));
    const statuses = opened.map(({ answer }) => answer.status);
    expect([statuses.filter((one) => one === 200).length, statuses.at(-1)]).toEqual([25, 503]);
    expect((await follow(admin)).answer.status).toBe(200);
    await opened[0]!.stop();
    expect((await follow(admin, "", { key })).answer.status).toBe(200);
  });

  test("tells changes only to who may read the audit log", async () => {
    await using admin = await startTestAdmin();
    const { key } = await newKey(admin, "viewer", null);
    const asked = await follow(admin, "?kinds=change", { key });
    expect(asked.answer.status).toBe(403);
    const [stream, all] = [await follow(admin, "", { key }), await follow(admin)];
    await admin.call("POST", "/admin/v1/applications", { body: { name: "followed" } });
    await until(() => all.heard.some(({ event }) => event === "change"));
    admin.recorder.decision(decisionRow({ requestId: "req_1" }));
    await until(() => stream.heard.length > 0);
    expect(stream.heard.map(({ event }) => event)).toEqual(["decision"]);
    await Promise.all([stream.stop(), all.stop()]);
  });

  test("leaves nobody behind who only asked for its head", async () => {
    await using admin = await startTestAdmin();
    const asked = await admin.call("HEAD", "/admin/v1/activity/stream");
    expect([asked.text, admin.activity.followers]).toEqual(["", 0]);
  });

  test.each(["kinds=weather", "decision=maybe", "seconds=0", "colour=red"])("refuses %s", async (query) => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("GET", `/admin/v1/activity/stream?${query}`);
    expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
  });
});
