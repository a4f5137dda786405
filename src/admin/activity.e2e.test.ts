import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type Harness, startHarness, until } from "../gateway/e2e-harness.ts";

const body = { model: "echo", max_tokens: 5, messages: [{ role: "user", content: "hello" }] };
/** Events long enough that the buffers of a connection do not hold many. */
const rules = Array.from(
  { length: 8 },
  (_, i) =>
    `  - { id: long-${i}, when: request.max_tokens > 0, then: warn, code: long_${i}, message: ${"x".repeat(1000)} }\n`,
);
const policies = { "org/long.policy.yaml": `rules:\n${rules.join("")}` };

let sluice: Harness;
beforeAll(async () => {
  sluice = await startHarness({ policies });
});
afterAll(() => sluice[Symbol.asyncDispose]());

/** A connection that follows, and reads only while it is told to. */
async function follow(): Promise<{ socket: Socket; heard: () => string; closed: () => boolean }> {
  const { hostname, port } = new URL(sluice.url);
  const socket = connect(Number(port), hostname);
  let text = "";
  let closed = false;
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  socket.write(
    `GET /admin/v1/activity/stream?kinds=decision HTTP/1.1\r\nhost: sluice\r\nauthorization: Bearer ${sluice.adminKey}\r\n\r\n`,
  );
  await until(() => text.includes("retry: "));
  return { socket, heard: () => text, closed: () => closed };
}

const calls = (count: number) =>
  Promise.all(Array.from({ length: count }, async () => (await sluice.post("/v1/chat/completions", body)).text()));

describe("the activity stream of a running gateway", () => {
  test("tells the loads of policies, and that the gateway is degraded by one that was refused", async () => {
    const answer = await fetch(`${sluice.url}/admin/v1/activity/stream?kinds=policies,status`, {
      headers: { authorization: `Bearer ${sluice.adminKey}` },
    });
    let heard = "";
    const reader = answer.body!.getReader();
    const reading = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        heard += new TextDecoder().decode(part.value);
      }
    })();
    sluice.writePolicy("org/broken.policy.yaml", "rules: [{ id: a, when: request.max_tokns > 1, then: deny }]\n");
    await until(() => heard.includes('"status":"degraded"'));
    expect(heard).toContain("event: policies");
    expect(heard).toContain('"result":"refused"');
    expect(heard).toContain('"file":"policies/org/broken.policy.yaml","line":1,');
    sluice.writePolicy(
      "org/broken.policy.yaml",
      "rules: [{ id: a, when: request.max_tokens > 1000000, then: deny }]\n",
    );
    await until(() => /event: status\ndata: [^\n]*"status":"ready"/.test(heard) || heard.includes('"result":"loaded"'));
    await reader.cancel();
    await reading;
  });

  test("cuts a reader off that does not keep up; calls and other readers go on meanwhile", async () => {
    const [slow, quick] = [await follow(), await follow()];
    slow.socket.pause();
    const count = () => quick.heard().split("event: decision").length - 1;
    let made = 0;
    // More than wait for one reader, and than the system's buffers hold.
    for (; made < 6000 && !slow.closed(); made += 100) await calls(100);
    await until(() => count() >= made);
    expect(quick.closed()).toBe(false);
    slow.socket.resume();
    await until(slow.closed);
    expect(slow.heard().split("event: decision").length - 1).toBeLessThan(made);
    expect((await (await fetch(`${sluice.url}/readyz`)).json()) as object).toHaveProperty("status");
    quick.socket.destroy();
  }, 60_000);

  test("ends with the gateway, which does not wait for its readers", async () => {
    const other = await startHarness();
    const answer = await fetch(`${other.url}/admin/v1/activity/stream`, {
      headers: { authorization: `Bearer ${other.adminKey}` },
    });
    const text = answer.text();
    const from = performance.now();
    await other.running.close(20_000);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await text).toStartWith("retry: 2000");
    await other[Symbol.asyncDispose]();
  });
});
