import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { append, decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

/** The cells of a CSV text (RFC 4180). */
function cells(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

describe("CSV", () => {
  test("of ledger rows is all of them, a row each, whatever stands in them", async () => {
    await using admin = await startTestAdmin();
    const awkward = 'a "b", c\r\nd';
    const rows = Array.from({ length: 450 }, (_, i) =>
      usageRow({ ts: usageRow().ts + i, model: i === 449 ? awkward : "gpt-4o" }),
    );
    await append(admin.store, { usage: rows });
    const answer = await admin.call("GET", "/admin/v1/usage/records?format=csv");
    expect(answer.type).toStartWith("text/csv");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="usage-records.csv"');
    const [head, ...table] = cells(answer.text) as [string[], ...string[][]];
    expect(head.slice(0, 3)).toEqual(["request_id", "ts", "org"]);
    expect(table).toHaveLength(450);
    expect(table.every((row) => row.length === head.length)).toBe(true);
    expect(table[0]![head.indexOf("model")]).toBe(awkward);
    expect(new Set(table.map(([id]) => id)).size).toBe(450);
    const json = (await admin.call("GET", "/admin/v1/usage/records?limit=1")).json().data[0];
    expect(Object.keys(json)).toEqual(head);
  });

  test("is had by the accept header, too, a page at a time with a limit, with a link to the next one", async () => {
    await using admin = await startTestAdmin();
    await append(admin.store, { usage: [usageRow({ ts: 1 }), usageRow({ ts: 2 }), usageRow({ ts: 3 })] });
    const ask = (route: string) => admin.call("GET", route, { headers: { accept: "text/csv" } });
    const first = await ask("/admin/v1/usage/records?limit=2");
    expect(cells(first.text)).toHaveLength(3);
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link")!)!;
    const second = await ask(next!);
    expect([cells(second.text).length, second.headers.get("link")]).toEqual([2, null]);
    expect((await admin.call("GET", "/admin/v1/usage/records?format=xml")).status).toBe(400);
  });

  test("of sums has a row for each group, or the one of the total", async () => {
    await using admin = await startTestAdmin();
    await append(admin.store, { usage: [usageRow(), usageRow(), usageRow({ model: "echo" })] });
    const groups = cells((await admin.call("GET", "/admin/v1/usage/summary?group_by=model&format=csv")).text);
    expect(groups.map((row) => row.slice(0, 3))).toEqual([
      ["model", "requests", "prompt_tokens"],
      ["gpt-4o", "2", "800"],
      ["echo", "1", "400"],
    ]);
    const total = cells((await admin.call("GET", "/admin/v1/usage/summary?format=csv")).text);
    expect(total.map(([requests]) => requests)).toEqual(["requests", "3"]);
  });

  test("of decisions holds lists as JSON", async () => {
    await using admin = await startTestAdmin();
    await append(admin.store, { decisions: [decisionRow()] });
    const [head, row] = cells((await admin.call("GET", "/admin/v1/decisions?format=csv")).text) as [string[], string[]];
    expect(JSON.parse(row[head.indexOf("reasons")]!)).toMatchObject([{ policy: "org/cap", code: "token_cap" }]);
    expect(row[head.indexOf("decision")]).toBe("deny");
  });

  test("of the audit log holds each entry as it is hashed, its detail as JSON", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const [head, row] = cells((await admin.call("GET", "/admin/v1/audit?format=csv")).text) as [string[], string[]];
    const [entry] = (await admin.call("GET", "/admin/v1/audit")).json().data;
    expect(head).toEqual(Object.keys(entry).sort((a, b) => head.indexOf(a) - head.indexOf(b)));
    expect(JSON.parse(row[head.indexOf("detail")]!)).toEqual(entry.detail);
    expect(row[head.indexOf("hash")]).toBe(entry.hash);
  });

  test("starts no formula in a spreadsheet", async () => {
    await using admin = await startTestAdmin();
    const formulas = ["=cmd()", "+1", "-1", "@sum", "\t=1"];
    await append(admin.store, { usage: formulas.map((model, i) => usageRow({ ts: 10 - i, model })) });
    const [head, ...table] = cells((await admin.call("GET", "/admin/v1/usage/records?format=csv")).text) as [
      string[],
      ...string[][],
    ];
    expect(table.map((row) => row[head.indexOf("model")])).toEqual(formulas.map((text) => `'${text}`));
  });
});

test.each([
  ["usage/records?format=csv", "alter table usage rename to away"],
  ["decisions/export", "drop view decision_log"],
])("what breaks %s off is in the log", async (route, fault) => {
  await using admin = await startTestAdmin();
  const ids = Array.from({ length: 450 }, (_, i) => `req_${i}`);
  await append(admin.store, {
    usage: ids.map((requestId) => usageRow({ requestId })),
    decisions: ids.map((requestId) => decisionRow({ requestId })),
  });
  const answer = await admin.app.handle(
    new Request(`http://localhost/admin/v1/${route}`, { headers: { authorization: `Bearer ${admin.adminKey}` } }),
  );
  const reader = answer.body!.getReader();
  await reader.read();
  using database = new Database(admin.path);
  database.run(fault);
  const rest = async () => {
    while (!(await reader.read()).done);
  };
  await expect(rest()).rejects.toThrow();
  expect(admin.logger.lines.join("\n")).toContain("an answer was broken off");
});
