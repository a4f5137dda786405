import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Role, roles } from "../core/operators.ts";
import { append, decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

// What random calls do not come to: `bun run soak isolation` makes those.

const policies = {
  "org/everyone.policy.yaml": "description: For all.\nrules: [{ id: a, then: warn }]\n",
  "org/both.policy.yaml":
    "description: For some.\nscope: { apps: [acme-bot, globex-bot], except: { env: [dev], apps: [globex-old] } }\nrules: [{ id: a, then: warn }]\n",
  "org/named.policy.yaml": "description: For a name.\nscope: { apps: [same] }\nrules: [{ id: a, then: warn }]\n",
  "org/globex.policy.yaml": "description: For one.\nscope: { orgs: [globex] }\nrules: [{ id: a, then: warn }]\n",
  "org/not-globex.policy.yaml":
    "description: For all but one.\nscope: { except: { orgs: [globex] } }\nrules: [{ id: a, then: warn }]\n",
  "org/relief.exception.yaml":
    "policy: org/everyone\nscope: { apps: [globex-bot] }\nowner: platform\nreason: globex asked\nexpires: 2126-01-01\n",
};

let admin: Awaited<ReturnType<typeof startTestAdmin>>;
const keys = new Map<string, string>();

/** Calls as an owner of an organisation, or in another role. */
async function as(organisation: string, method: string, path: string, body?: unknown, role: Role = "owner") {
  const key = keys.get(`${organisation} ${role}`)!;
  const answer = await admin.call(method, `/admin/v1/${path}`, { key, ...(body !== undefined && { body }) });
  return { status: answer.status, text: answer.text, json: answer.text === "" ? null : answer.json() };
}

async function make(path: string, body: object) {
  const made = await admin.call("POST", `/admin/v1/${path}`, { body });
  expect([path, made.status, made.text]).toEqual([path, 201, made.text]);
  return made.json();
}

beforeAll(async () => {
  admin = await startTestAdmin(policies);
  for (const organisation of ["acme", "globex"]) {
    await make("organisations", { name: organisation });
    for (const role of roles) {
      keys.set(`${organisation} ${role}`, (await make("admin-keys", { name: role, role, organisation })).key);
    }
  }
});
afterAll(() => admin[Symbol.asyncDispose]());

describe("names that two organisations use", () => {
  test("stand for the own thing, and tell nothing of the other", async () => {
    const own = await as("acme", "POST", "applications", { name: "same", team: "core" });
    const other = await as("globex", "POST", "applications", { name: "same", team: "core" });
    expect([own.status, other.status]).toEqual([201, 201]);
    for (const { json } of [own, other]) {
      expect(json.id).toMatch(/^same-[a-z0-9]{6}$/);
      expect(json.team).toMatch(/^core-[a-z0-9]{6}$/);
    }
    expect(own.json.team).not.toBe(other.json.team);
    const minted = await as("acme", "POST", "keys", { application: "same" });
    expect([minted.status, minted.json.application]).toEqual([201, own.json.id]);
    const effective = await as("globex", "GET", "policies/effective?app=same");
    expect(effective.json.app).toBe(other.json.id);
  });

  test("do not put an application into another organisation's team", async () => {
    const { id } = await make("teams", { name: "secret", organisation: "globex" });
    const made = await as("acme", "POST", "applications", { name: "a", team: id });
    expect(made.json.team).not.toBe(id);
    expect((await admin.store.teams.find(made.json.team))?.organisation).toBe("acme");
  });
});

describe("policies, which all organisations share", () => {
  const ids = async (organisation: string) =>
    (await as(organisation, "GET", "policies")).json.data.map(({ id }: { id: string }) => id);

  test("are shown to whom they can apply, with the names of his own in them alone", async () => {
    const acme = await make("applications", { name: "acme-bot", organisation: "acme" });
    const globex = await make("applications", { name: "globex-bot", organisation: "globex" });
    await make("applications", { name: "globex-old", organisation: "globex" });
    expect(await ids("acme")).toEqual(["org/both", "org/everyone", "org/named", "org/not-globex"]);
    expect(await ids("globex")).toEqual(["org/both", "org/everyone", "org/globex", "org/named", "org/not-globex"]);

    const both = await as("acme", "GET", "policies/org/both");
    expect([both.json.scope, both.json.text]).toEqual([{ apps: ["acme-bot"] }, ""]);
    expect((await as("globex", "GET", "policies/org/both")).json.scope).toEqual({
      apps: ["globex-bot"],
      except: { env: ["dev"], apps: ["globex-old"] },
    });
    expect((await as("acme", "GET", "policies/org/everyone")).json.text).toContain("For all.");
    expect((await as("acme", "GET", "policies/org/not-globex")).json).toMatchObject({ scope: {}, text: "" });
    const hidden = await as("acme", "GET", "policies/org/globex");
    const missing = await as("acme", "GET", "policies/org/nothing");
    expect([hidden.status, hidden.text]).toEqual([404, missing.text.replaceAll("nothing", "globex")]);
    expect((await as("acme", "GET", "policies/coverage")).text).not.toContain("org/globex");
    expect([acme.organisation, globex.organisation]).toEqual(["acme", "globex"]);
  });

  test("are attached and tuned for own applications alone, if they are known", async () => {
    const app = await make("applications", { name: "tuned", organisation: "acme" });
    const foreign = await make("applications", { name: "tuned", organisation: "globex" });
    const attach = (id: string, policy: string) => as("acme", "POST", `applications/${id}/policies`, { policy });
    expect((await attach(app.id, "org/globex")).status).toBe(404);
    expect((await attach(foreign.id, "org/everyone")).status).toBe(404);
    expect((await attach(app.id, "org/everyone")).status).toBe(201);
    const tune = (application?: string) => as("acme", "PUT", "policies/org/everyone/mode", { mode: null, application });
    expect((await tune(app.id)).status).toBe(200);
    expect((await tune(foreign.id)).status).toBe(404);
    const forAll = await tune();
    expect([forAll.status, forAll.json.code]).toEqual([403, "insufficient_scope"]);
    expect((await as("globex", "GET", "policies/org/everyone")).json.attached_to).toEqual([]);
  });

  test("have exceptions and a break-glass that only those are told of whom they are for", async () => {
    const scope = { apps: ["globex-bot"] };
    const body = { policy: "org/everyone", scope, reason: "globex incident", ttl_seconds: 60 };
    const { id } = await make("break-glass", body);
    const [acme, globex] = [
      await as("acme", "GET", "policies/org/everyone"),
      await as("globex", "GET", "policies/org/everyone"),
    ];
    expect([acme.json.exceptions, acme.json.break_glass]).toEqual([[], []]);
    expect(globex.json.exceptions).toEqual(["org/relief"]);
    expect(globex.json.break_glass).toMatchObject([{ id }]);
    expect((await as("acme", "GET", "exceptions")).json.data).toEqual([]);
    expect((await as("globex", "GET", "exceptions")).json.data).toHaveLength(1);
    expect((await as("globex", "GET", "break-glass")).status).toBe(403);
    const { parts } = (await as("acme", "GET", "status")).json;
    expect(parts.every(({ detail }: { detail: string }) => detail === "")).toBe(true);
  });
});

test("what is only checked is told nothing of files for others", async () => {
  await using own = await startTestAdmin({
    "sluice.yaml": "locked: [apps/globex-bot/cap]\n",
    "org/everyone.policy.yaml": "description: For all.\nrules: [{ id: a, then: warn }]\n",
    "org/shared.data.yaml": "lists: { shared: [a] }\n",
    "apps/mine/own.data.yaml": "lists: { mine: [a] }\n",
    "apps/globex-bot/cap.policy.yaml": "description: For one.\nrules: [{ id: globex-rule, then: warn }]\n",
    "apps/globex-bot/names.data.yaml": "lists: { globex_names: [a] }\n",
  });
  const create = async (path: string, body: object) => (await own.call("POST", `/admin/v1/${path}`, { body })).json();
  for (const name of ["acme", "globex"]) await create("organisations", { name });
  await create("applications", { name: "mine", organisation: "acme" });
  await create("applications", { name: "globex-bot", organisation: "globex" });
  const { key } = await create("admin-keys", { name: "a", role: "author", organisation: "acme" });
  const check = async (path: string, content: string, by?: string) =>
    (await own.call("POST", "/admin/v1/policies/validate", { ...(by && { key: by }), body: { path, content } })).json();
  const relief = (policy: string, rule: string) =>
    `policy: ${policy}\nrule: ${rule}\nscope: { apps: [mine] }\nowner: p\nreason: r\nexpires: 2126-01-01\n`;
  const reading = (list: string) =>
    `description: d\nrules: [{ id: a, when: request.model in data.${list}, then: deny, code: x }]\n`;
  const all = [];
  for (const [path, content] of [
    ["sluice.yaml", "locked: [org/zzz]\n"],
    ["org/x.exception.yaml", relief("org/zzz", "a")],
    ["org/x.exception.yaml", relief("apps/globex-bot/cap", "zzz")],
    ["apps/globex-bot/x.policy.yaml", reading("zzz")],
    ["policies/apps/globex-bot/x.policy.yaml", reading("globex_names")],
  ] as const) {
    const [told, known] = [await check(path, content, key), await check(path, content)];
    expect([path, told.valid]).toEqual([path, false]);
    all.push(known);
    expect(told.problems.map(({ message }: { message: string }) => message).join()).not.toMatch(
      /globex-rule|(known|policies|rules): .*globex/,
    );
  }
  expect(JSON.stringify(all)).toMatch(/globex-rule.*known: data\.shared, data\.globex_names/);
  const cel = { expression: "request.model in data.zzz", path: "apps/globex-bot/a.policy.yaml" };
  const asked = await own.call("POST", "/admin/v1/policies/validate-cel", { key, body: cel });
  expect(asked.text).not.toContain("globex");
  // What is shared, and what is the own, is there all the same.
  expect(await check("org/x.exception.yaml", relief("org/everyone", "a"), key)).toMatchObject({ valid: true });
  expect(await check("apps/mine/x.policy.yaml", reading("shared"), key)).toMatchObject({ valid: true });
  expect(await check("apps/mine/x.policy.yaml", reading("mine"), key)).toMatchObject({ valid: true });
});

describe("records", () => {
  test("of the other organisation are counted nowhere, whatever is asked for", async () => {
    const requestId = "req_globexAAAAAAAAAAAAAAAA";
    const row = { requestId, org: "globex", app: "globex-app", key: "globexkey" };
    await append(admin.store, { usage: [usageRow(row)], decisions: [decisionRow(row)] });
    for (const path of ["usage/records", "decisions", "decisions/export", "limits/spend?period=day"]) {
      expect((await as("acme", "GET", path)).text).not.toContain("globex");
    }
    for (const query of ["", "?org=globex", "?app=globex-app", "?key=globexkey", "?group_by=org"]) {
      const { json } = await as("acme", "GET", `usage/summary${query}`);
      expect([query, json.requests, json.groups ?? []]).toEqual([query, 0, []]);
    }
    expect((await as("globex", "GET", "usage/summary")).json.requests).toBe(1);
    expect((await as("acme", "GET", "limits?org=globex")).status).toBe(404);
    expect((await as("acme", "GET", `explain/dec_${requestId.slice(4)}_request`)).status).toBe(404);
  });

  test("of changes are told to auditors of the organisation that was changed", async () => {
    await as("globex", "POST", "teams", { name: "audited" });
    expect((await as("globex", "GET", "audit", undefined, "auditor")).text).toContain("audited");
    expect((await as("acme", "GET", "audit", undefined, "auditor")).text).not.toContain("audited");
    expect((await as("acme", "GET", "audit?organisation=globex", undefined, "auditor")).json.data).toEqual([]);
  });
});

test("organisations are seen and changed by their own operators, and made and deleted by those of all", async () => {
  expect((await as("acme", "GET", "organisations")).json.data.map(({ id }: { id: string }) => id)).toEqual(["acme"]);
  expect((await as("acme", "GET", "organisations/globex")).status).toBe(404);
  expect((await as("acme", "PATCH", "organisations/globex", { labels: {} })).status).toBe(404);
  expect((await as("acme", "PATCH", "organisations/acme", { labels: { a: "b" } })).status).toBe(200);
  expect((await as("acme", "POST", "organisations", { name: "third" })).status).toBe(403);
  expect((await as("acme", "DELETE", "organisations/acme")).status).toBe(403);
});
