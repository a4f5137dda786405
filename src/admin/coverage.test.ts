import { describe, expect, test } from "bun:test";
import { wordless } from "../core/coverage.ts";
import { surfaces } from "../core/phases.ts";
import { startTestAdmin } from "./testing.ts";

const path = "/admin/v1/policies/coverage";
const files = {
  "org/cap.policy.yaml":
    "params: { cap: { type: int, default: 5, tunable: true } }\nrules: [{ when: request.bytes > params.cap, then: deny }]\n",
  "org/answers.policy.yaml":
    "scope: { surfaces: [chat] }\nphase: response\nrules: [{ when: response.bytes > 5, then: deny }]\n",
  "org/late.policy.yaml": "mode: audit\nphase: usage\nrules: [{ when: usage.total_tokens > 5, then: warn }]\n",
};

const start = () => startTestAdmin(files);

describe("the coverage of the live policies", () => {
  test("tells of each policy where it is enforced, whole and streamed", async () => {
    await using admin = await start();
    const { data, next } = (await admin.call("GET", path)).json();
    expect(next).toBeNull();
    expect(data.map(({ policy, mode }: { policy: string; mode: string }) => [policy, mode])).toEqual([
      ["org/answers", "enforce"],
      ["org/cap", "enforce"],
      ["org/late", "audit"],
    ]);
    expect(data[0].cells).toEqual([
      { surface: "chat", stream: false, state: "enforced", phases: { response: "enforced" } },
      { surface: "chat", stream: true, state: "held_back", phases: { response: "held_back" } },
      ...surfaces.slice(1).flatMap((surface) => [
        { surface, stream: false, state: "out_of_scope", phases: {} },
        { surface, stream: true, state: "out_of_scope", phases: {} },
      ]),
    ]);
    const states = (at: number) => data[at].cells.map(({ state }: { state: string }) => state);
    const everywhere = (state: string) =>
      surfaces.flatMap((surface) => [state, wordless.has(surface) ? "not_asked" : state]);
    expect(states(1)).toEqual(everywhere("enforced"));
    expect(states(2)).toEqual(everywhere("recorded"));
  });

  test("can be asked for one policy or one state, and in pages", async () => {
    await using admin = await start();
    const ids = async (query: string) =>
      (await admin.call("GET", `${path}?${query}`)).json().data.map(({ policy }: { policy: string }) => policy);
    expect(await ids("policy=org/cap")).toEqual(["org/cap"]);
    expect(await ids("state=held_back")).toEqual(["org/answers"]);
    expect(await ids("state=refused")).toEqual([]);
    const first = (await admin.call("GET", `${path}?limit=2`)).json();
    expect(first.data).toHaveLength(2);
    expect(await ids(`limit=2&cursor=${first.next}`)).toEqual(["org/late"]);
  });

  test("has a policy once however often it is tuned, and those of the database", async () => {
    await using admin = await start();
    const app = (await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } })).json();
    const tuned = await admin.call("PUT", `/admin/v1/policies/org/cap/params?app=${app.id}`, {
      body: { params: { cap: 7 } },
    });
    expect(tuned.status).toBeLessThan(300);
    const content = "rules: [{ when: request.stream, then: deny }]";
    expect((await admin.call("POST", "/admin/v1/policies", { body: { id: "db/x", content } })).status).toBe(201);
    const { data } = (await admin.call("GET", path)).json();
    expect(data.map(({ policy }: { policy: string }) => policy)).toEqual([
      "db/x",
      "org/answers",
      "org/cap",
      "org/late",
    ]);
  });

  test("needs a credential, and refuses what it does not know", async () => {
    await using admin = await start();
    expect((await admin.call("GET", path, { key: null })).status).toBe(401);
    expect((await admin.call("GET", `${path}?state=half`)).status).toBe(400);
    expect((await admin.call("GET", `${path}?app=x`)).status).toBe(400);
  });
});

test("warnings are told beside the state of the live set, which they do not change", async () => {
  await using admin = await startTestAdmin({
    "org/a.policy.yaml": "params:\n  cap: { type: int, default: 5 }\nrules: [{ when: request.stream, then: deny }]\n",
  });
  const { state, problems, warnings } = (await admin.call("GET", "/admin/v1/policies/current")).json();
  expect({ state, problems }).toEqual({ state: "ready", problems: [] });
  expect(warnings).toEqual([
    {
      code: "C073",
      file: "policies/org/a.policy.yaml",
      line: 2,
      column: 3,
      message: "the param 'cap' is not used; read it as params.cap, or take it away",
    },
  ]);
  const validated = await admin.call("POST", "/admin/v1/policies/validate", {
    body: { path: "org/b.policy.yaml", content: "variables: { x: request.bytes }\nrules: [{ then: warn }]\n" },
  });
  expect(validated.json()).toEqual({
    valid: true,
    problems: [],
    warnings: [
      {
        code: "C073",
        file: "policies/org/b.policy.yaml",
        line: 1,
        column: 14,
        message: "the variable 'x' is not used; read it as vars.x, or take it away",
      },
    ],
  });
});
