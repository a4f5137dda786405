import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { createProbe } from "./probe.ts";
import { blackhole, canMakeBlackhole } from "./testing-blackhole.ts";

const probe = createProbe({});

describe("a way to a host", () => {
  test("is there when a connection can be made", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(await probe(`http://127.0.0.1:${port}/v1`, 5000)).toBe(true);
    let connections = 0;
    server.on("connection", () => {
      connections += 1;
    });
    // Found a moment ago.
    expect(await probe(`http://127.0.0.1:${port}/v1`, 5000)).toBe(true);
    expect(connections).toBe(0);
    server.close();
    // Refused now, which fetch is told as well: it is no reason to end its attempt.
    expect(await createProbe({})(`http://127.0.0.1:${port}/v1`, 5000)).toBe(true);
    expect(await probe("http://host.invalid/v1", 5000)).toBe(true);
  });

  test.skipIf(!canMakeBlackhole)("is not there when none comes about in time (only Linux can show it)", async () => {
    using hole = await blackhole();
    expect(await probe(`${hole.url}/v1`, 50)).toBe(false);
  });

  test.skipIf(!canMakeBlackhole)(
    "is looked for once by those who ask at the same time (only Linux can show it)",
    async () => {
      using hole = await blackhole();
      const [first, second] = [probe(hole.url, 50), probe(hole.url, 50)];
      expect(first).toBe(second);
      expect(await second).toBe(false);
      expect(probe(hole.url, 50)).not.toBe(first);
    },
  );

  test.skipIf(!canMakeBlackhole)(
    "is not looked for where a proxy makes the connections (only Linux can show it)",
    async () => {
      using hole = await blackhole();
      expect(await createProbe({ HTTPS_PROXY: "http://proxy.test" })(hole.url, 50)).toBe(true);
      expect(await probe("", 50)).toBe(true);
    },
  );
});
