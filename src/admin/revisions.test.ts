import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const path = "org/first.policy.yaml";
const capped = (tokens: number) =>
  `rules: [{ id: cap, when: request.max_tokens > ${tokens}, then: deny, code: too_many }]\n`;

/** The control plane after the folder has held two more sets. */
async function edited() {
  const admin = await startTestAdmin();
  const first = admin.service.status().files;
  await admin.files.write(path, capped(100));
  const second = (await admin.service.reload()).files;
  await admin.files.write(path, capped(50));
  const third = (await admin.service.reload()).files;
  const get = async (route: string) => (await admin.call("GET", `/admin/v1/revisions${route}`)).json();
  const activate = (id: string, body?: object) =>
    admin.call("POST", `/admin/v1/revisions/${id}/activate`, body === undefined ? {} : { body });
  return { admin, first, second, third, get, activate, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

describe("revisions", () => {
  test("are listed page by page, the last to go live first", async () => {
    await using run = await edited();
    const page = await run.get("?limit=2");
    expect(page.data.map(({ id }: { id: string }) => id)).toEqual([run.third, run.second]);
    const rest = await run.get(`?limit=2&cursor=${page.next}`);
    expect(rest).toMatchObject({ data: [{ id: run.first, live: false }], next: null });
    expect(page.data[0]).toEqual({
      id: run.third,
      retained_at: expect.stringMatching(/^2026-01-31T12:00:00\.\d{3}Z$/),
      live_at: expect.stringMatching(/^2026-01-31T12:00:00\.\d{3}Z$/),
      live: true,
      pinned: false,
      policies: 1,
      actor: "files",
      commit: null,
      author: null,
      committed_at: null,
      clean: null,
    });
  });

  test("are read by the beginning of their digest, and by what they are", async () => {
    await using run = await edited();
    const whole = await run.get(`/${run.second}`);
    expect(whole).toMatchObject({ id: run.second, files: [{ path, bytes: capped(100).length }] });
    expect(await run.get(`/${run.second.slice(7, 19)}`)).toEqual(whole);
    expect(await run.get("/previous")).toEqual(whole);
    expect(await run.get("/live")).toMatchObject({ id: run.third, live: true });
    expect(await run.get("/latest")).toMatchObject({ id: run.third });
  });

  test.each(["sha256:0000", "abc", "nonsense", "..%2Fpin", "__proto__"])("of the id %s there is none", async (id) => {
    await using run = await edited();
    for (const [method, route] of [
      ["GET", `/${id}`],
      ["GET", `/${id}/diff/live`],
      ["GET", `/live/diff/${id}`],
      ["POST", `/${id}/activate`],
    ] as const) {
      const missing = await run.admin.call(method, `/admin/v1/revisions${route}`);
      expect([route, missing.status, missing.json().code]).toEqual([route, 404, "not_found"]);
    }
  });

  test("are compared by what they mean", async () => {
    await using run = await edited();
    const diff = await run.get(`/${run.second}/diff/live`);
    expect(diff).toEqual({
      base: run.second,
      head: run.third,
      items: [
        {
          kind: "policy",
          id: "org/first",
          change: "changed",
          tendency: "tightens",
          why: "it fires for more requests",
          file: "policies/org/first.policy.yaml",
          fields: [
            {
              field: "rules.cap.when",
              change: "changed",
              before: "request.max_tokens > 100",
              after: "request.max_tokens > 50",
              tendency: "tightens",
              why: "it fires for more requests",
              line: 1,
              column: 20,
            },
          ],
        },
      ],
      summary: { added: 0, removed: 0, changed: 1, tightens: 1, loosens: 0, neither: 0, unknown: 0 },
    });
    expect(await run.get("/live/diff/live")).toMatchObject({ items: [] });
  });
});

describe("activating a revision", () => {
  test("makes it live and pins it; what the folder holds waits until the pin is taken off", async () => {
    await using run = await edited();
    const activated = await run.activate(run.first, { reason: "the cap is too low" });
    expect(activated.status).toBe(200);
    expect(activated.json()).toEqual({
      revision: run.first,
      files: run.first,
      state: "ready",
      loaded_at: "2026-01-31T12:00:00.000Z",
      pin: {
        revision: run.first,
        actor: "admin-key",
        reason: "the cap is too low",
        at: "2026-01-31T12:00:00.000Z",
      },
      waiting: run.third,
    });
    expect(run.admin.service.live.current.revision).toBe(run.first);
    expect((await run.get("")).data[0]).toMatchObject({
      id: run.first,
      live: true,
      pinned: true,
      actor: "admin-key",
    });
    expect(await run.get("/latest")).toMatchObject({ id: run.third, live: false });

    const back = (await run.activate("latest")).json();
    expect(back).toMatchObject({ files: run.third, pin: null, waiting: null });
  });

  test("goes back to the one before, and again to the one after", async () => {
    await using run = await edited();
    expect((await run.activate("previous")).json().files).toBe(run.second);
    expect((await run.activate("previous")).json().files).toBe(run.third);
  });

  test("is refused with what is wrong when it does not compile any more, and nothing changes", async () => {
    await using run = await edited();
    // As an upgrade that drops a policy type would leave it: kept in good order, and refused by now.
    const broken = await run.admin.service
      .kept()
      .then(() => run.admin.files.dir.replace(/policies$/, "data/revisions/"));
    await Bun.write(`${broken}${run.first.slice(7)}/files/${path}`, "rules: [{ then: dney }]\n");
    const refused = await run.activate(run.first);
    expect([refused.status, refused.json().code]).toEqual([409, "revision_refused"]);
    expect(refused.json().detail).toContain("policies/org/first.policy.yaml:1:17  C023");
    expect(refused.json().detail).toContain("are not those that it is named after");
    expect(run.admin.service.status()).toMatchObject({ files: run.third, pin: null });
  });

  test.each([[{ reason: "two\nlines" }], [{ reason: "x".repeat(513) }], [{ raeson: "" }]])(
    "takes a reason and nothing else: not %j",
    async (body) => {
      await using run = await edited();
      const refused = await run.activate(run.first, body);
      expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
      expect(run.admin.service.status().pin).toBeNull();
    },
  );
});
