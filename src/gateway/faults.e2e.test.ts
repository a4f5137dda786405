import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { type Harness, providerKey, standIn, startHarness, until } from "./e2e-harness.ts";

/** What the stand-in does next; each test sets it. */
type Behaviour = (request: Request) => Response | Promise<Response>;
let behave: Behaviour = () => Response.json({});
let aborted = 0;
const provider = standIn((request) => {
  request.signal.addEventListener("abort", () => {
    aborted += 1;
  });
  return behave(request);
});

let sluice: Harness;
beforeAll(async () => {
  const config = {
    max_body_bytes: 1_000_000,
    max_answer_bytes: 200_000,
    // What becomes of one attempt is what these tests are about.
    upstream: { first_byte_timeout_seconds: 0.3, idle_timeout_seconds: 0.3, retries: 0, breaker_enabled: false },
  };
  sluice = await startHarness({ upstream: provider.url, config });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const messages = { model: "claude-sonnet-4-5", max_tokens: 10, messages: [{ role: "user", content: "hello" }] };
const surfaces = [
  ["/v1/chat/completions", chat],
  ["/v1/messages", messages],
] as const;

/** The error object, wherever the surface puts it, after checking that nothing internal shows. */
async function errorOf(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  for (const secret of [providerKey, "    at ", ".ts:", import.meta.dir, sluice.key, sluice.adminKey]) {
    expect(text).not.toContain(secret);
  }
  return (JSON.parse(text) as { error: Record<string, unknown> }).error;
}

async function expectLedger(response: Response, status: number, code: string): Promise<Record<string, unknown>> {
  const row = await sluice.ledger(response.headers.get("sluice-request-id"));
  expect(row).toMatchObject({ status, code });
  return row;
}

describe("a request that is not right gets a clear error in the surface's shape, and its ledger row", () => {
  for (const [path, good] of surfaces) {
    test.each([
      ["malformed JSON", '{"model": "gpt-4o", "messages": [', 400, "malformed_json", /not valid JSON/],
      ["an array", "[]", 400, "invalid_request", /object.*array/],
      ["no body", "", 400, "malformed_json", /JSON/],
      ["no model", { ...good, model: undefined }, 400, "invalid_request", /model/],
      ["a model that is a number", { ...good, model: 7 }, 400, "invalid_request", /model.*string.*received 7/],
      ["messages that are text", { ...good, messages: "hello" }, 400, "invalid_request", /messages.*array.*string/],
      [
        "a stream flag that is text",
        { ...good, stream: "yes" },
        400,
        "invalid_request",
        /stream.*true or false.*"yes"/,
      ],
      ["a model that nobody serves", { ...good, model: "no-such-model" }, 404, "model_not_found", /no-such-model/],
      ["duplicate keys", `{"model":"a","model":"b","messages":[]}`, 400, "invalid_request", /model/],
    ] as const)(`${path}: %s`, async (_name, body, status, code, message) => {
      const response = await sluice.post(path, body);
      expect(response.status).toBe(status);
      const error = await errorOf(response);
      expect(error.message).toMatch(message);
      expect(error.code).toBe(code);
      // No policy was asked, so there is no decision to be told of.
      expect(await expectLedger(response, status, code)).toMatchObject({ decision: "" });
    });

    test(`${path}: no key`, async () => {
      const response = await fetch(sluice.url + path, { method: "POST", body: JSON.stringify(good) });
      expect(response.status).toBe(401);
      expect((await errorOf(response)).code).toBe("missing_key");
      expect(await expectLedger(response, 401, "missing_key")).toMatchObject({ decision: "" });
    });

    test(`${path}: the admin key is not a gateway key`, async () => {
      const response = await sluice.post(path, good, { authorization: `Bearer ${sluice.adminKey}` });
      expect(response.status).toBe(401);
      expect((await errorOf(response)).code).toBe("invalid_key");
    });

    test(`${path}: 50 MB are refused before they are parsed, declared or not`, async () => {
      const big = new Uint8Array(50_000_000).fill(32);
      const declared = await sluice.post(path, big);
      expect(declared.status).toBe(413);
      expect((await errorOf(declared)).message).toContain("1000000 bytes");
      await expectLedger(declared, 413, "body_too_large");

      let sent = 0;
      const endless = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent >= 50_000_000) return controller.close();
          sent += 65_536;
          controller.enqueue(big.subarray(0, 65_536));
        },
      });
      const chunked = await fetch(sluice.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${sluice.key}` },
        body: endless,
      });
      expect(chunked.status).toBe(413);
      await chunked.bytes();
    });

    test(`${path}: a gzip bomb is refused at the size limit`, async () => {
      const bomb = Bun.gzipSync(new Uint8Array(20_000_000));
      const response = await sluice.post(path, bomb, { "content-encoding": "gzip" });
      expect(response.status).toBe(413);
      await response.bytes();
    });

    test(`${path}: an encoding we do not read is refused by name`, async () => {
      const response = await sluice.post(path, "x", { "content-encoding": "br" });
      expect(response.status).toBe(415);
      expect((await errorOf(response)).message).toContain("'br'");
    });
  }

  test("paths that are not there say so, in a shape SDKs read below /v1", async () => {
    const inside = await sluice.post("/v1/nothing", {});
    expect(inside.status).toBe(404);
    expect((await errorOf(inside)).message).toContain("POST /v1/nothing");
    const outside = await fetch(`${sluice.url}/nothing`);
    expect(outside.status).toBe(404);
    expect(outside.headers.get("content-type")).toContain("problem+json");
  });
});

describe("a provider that fails gets told truthfully, in the surface's shape", () => {
  for (const [path, good] of surfaces) {
    for (const stream of [false, true]) {
      const body = { ...good, stream };
      const kind = `${path}${stream ? " (stream)" : ""}`;

      test(`${kind}: hung before its headers: 504`, async () => {
        behave = () => new Promise<Response>(() => undefined);
        const response = await sluice.post(path, body);
        expect(response.status).toBe(504);
        expect((await errorOf(response)).code).toBe("upstream_timeout");
        await expectLedger(response, 504, "upstream_timeout");
      });

      test(`${kind}: an error of its own passes through untouched`, async () => {
        const theirs = '{"error": {"message":"boom",  "type":"server_error"}}';
        behave = () =>
          new Response(theirs, {
            status: 500,
            headers: { "content-type": "application/json", "x-request-id": "up_1", "set-cookie": "a=b" },
          });
        const response = await sluice.post(path, body);
        expect(response.status).toBe(500);
        expect(response.headers.get("x-request-id")).toBe("up_1");
        expect(response.headers.get("set-cookie")).toBeNull();
        expect(await response.text()).toBe(theirs);
        await expectLedger(response, 500, "upstream_error");
      });

      test(`${kind}: an HTML error page passes through, and is no 500 of ours`, async () => {
        behave = () =>
          new Response("<html>bad gateway</html>", { status: 502, headers: { "content-type": "text/html" } });
        const response = await sluice.post(path, body);
        expect(response.status).toBe(502);
        expect(await response.text()).toBe("<html>bad gateway</html>");
      });

      test(`${kind}: a redirect is neither followed nor passed on`, async () => {
        behave = () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:1/elsewhere" } });
        const response = await sluice.post(path, body);
        expect(response.status).toBe(502);
        expect(response.headers.get("location")).toBeNull();
        expect((await errorOf(response)).code).toBe("upstream_invalid");
      });

      test(`${kind}: an error that repeats our credentials is replaced`, async () => {
        behave = () => Response.json({ error: { message: `bad key ${providerKey}` } }, { status: 401 });
        const response = await sluice.post(path, body);
        expect(response.status).toBe(502);
        expect((await errorOf(response)).code).toBe("upstream_invalid");
      });
    }

    test(`${path}: garbage with status 200: 502`, async () => {
      behave = () => new Response("}{ not json", { headers: { "content-type": "application/json" } });
      const response = await sluice.post(path, good);
      expect(response.status).toBe(502);
      expect((await errorOf(response)).code).toBe("upstream_invalid");
      await expectLedger(response, 502, "upstream_invalid");
    });

    test(`${path}: hung in the middle of its body: 504`, async () => {
      behave = () => new Response(silentAfter('{"id":'), { headers: { "content-type": "application/json" } });
      const response = await sluice.post(path, good);
      expect(response.status).toBe(504);
      await expectLedger(response, 504, "upstream_timeout");
    });

    test(`${path}: a stream that goes silent ends with an error event, and the provider's call is ended`, async () => {
      const before = aborted;
      behave = () => new Response(silentAfter(firstEvent(path)), { headers: { "content-type": "text/event-stream" } });
      const response = await sluice.post(path, { ...good, stream: true });
      expect(response.status).toBe(200);
      const text = await response.text();
      expect(text.startsWith(firstEvent(path))).toBe(true);
      expect(text).toContain("upstream_timeout");
      await until(() => aborted > before);
      const row = await expectLedger(response, 200, "upstream_interrupted");
      expect(row.provenance).toBe("partial");
    });

    test(`${path}: a stream cut short passes as it is and is metered as partial`, async () => {
      behave = () => new Response(firstEvent(path), { headers: { "content-type": "text/event-stream" } });
      const response = await sluice.post(path, { ...good, stream: true });
      expect(await response.text()).toBe(firstEvent(path));
      const row = await expectLedger(response, 200, "upstream_interrupted");
      expect(row.provenance).toBe("partial");
      expect(row.completion_tokens).toBeGreaterThan(0);
    });

    test(`${path}: the client leaves: the provider's call is ended and what was sent is metered`, async () => {
      const before = aborted;
      behave = () => new Response(silentAfter(firstEvent(path)), { headers: { "content-type": "text/event-stream" } });
      const leave = new AbortController();
      const response = await fetch(sluice.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${sluice.key}` },
        body: JSON.stringify({ ...good, stream: true }),
        signal: leave.signal,
      });
      await response.body!.getReader().read();
      leave.abort();
      await until(() => aborted > before);
      const row = await expectLedger(response, 499, "client_closed");
      expect(row.provenance).toBe("partial");
    });
  }
});

test("calls that are ended early end no other, before, beside or after them", async () => {
  const done = {
    id: "x",
    object: "chat.completion",
    choices: [],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
  const events = { "content-type": "text/event-stream" };
  const ways = ["whole", "stream", "garbage", "silent", "left"] as const;
  behave = async (request) => {
    const { messages: sent } = (await request.json()) as typeof chat;
    const way = sent[0]!.content;
    // Those that end well are under way while others are ended.
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
    if (way === "whole") return Response.json(done);
    if (way === "stream")
      return new Response(`${firstEvent("/v1/chat/completions")}data: [DONE]\n\n`, { headers: events });
    if (way === "garbage") return new Response("}{", { headers: { "content-type": "application/json" } });
    return new Response(silentAfter(firstEvent("/v1/chat/completions")), { headers: events });
  };
  const ask = async (way: (typeof ways)[number]): Promise<string> => {
    const leave = new AbortController();
    const stream = way !== "whole" && way !== "garbage";
    const response = await fetch(`${sluice.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${sluice.key}` },
      body: JSON.stringify({ ...chat, messages: [{ role: "user", content: way }], stream }),
      signal: leave.signal,
    });
    if (way !== "left") return `${way} ${response.status} ${ending(await response.text())}`;
    await response.body!.getReader().read();
    leave.abort();
    return way;
  };
  const rounds = await Promise.all(
    ways.map(async (_, first) => {
      const said: string[] = [];
      for (let i = 0; i < 4 * ways.length; i += 1) said.push(await ask(ways[(first + i) % ways.length]!));
      return said;
    }),
  );
  const each = ["garbage 502 error", "left", "silent 200 error", "stream 200 done", "whole 200 done"];
  expect([...new Set(rounds.flat())].sort()).toEqual(each);
});

/** How the text of an answer ends. */
function ending(text: string): string {
  if (text.includes('"error"')) return "error";
  return text.endsWith("data: [DONE]\n\n") || text.startsWith('{"id":"x"') ? "done" : text;
}

describe("an answer that is larger than what is read is a 502, and no more of it is kept", () => {
  const json = { "content-type": "application/json" };
  /** Goes on until the connection is closed. */
  const endless = (begin: string) => {
    let first = true;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise(setImmediate);
        controller.enqueue(Buffer.from(first ? begin : "x".repeat(10_000)));
        first = false;
      },
    });
  };
  const zeroes = Bun.gzipSync(new Uint8Array(1_000_000));
  const cases: [string, object, () => Response][] = [
    ["of a length that it tells", {}, () => new Response("x".repeat(200_001), { headers: json })],
    ["without an end", {}, () => new Response(endless('{"a": "'), { headers: json })],
    ["compressed", {}, () => new Response(zeroes, { headers: { ...json, "content-encoding": "gzip" } })],
    ["in place of a stream", { stream: true }, () => new Response(endless('{"a": "'), { headers: json })],
    ["an error without an end", {}, () => new Response(endless("<html>"), { status: 400 })],
    ["a failure without an end", { stream: true }, () => new Response(endless("<html>"), { status: 500 })],
  ];
  for (const [path, good] of surfaces) {
    test.each(cases)(`${path}: %s`, async (_, more, answer) => {
      behave = answer;
      const response = await sluice.post(path, { ...good, ...more });
      expect(response.status).toBe(502);
      const { code, message } = await errorOf(response);
      expect([code, message]).toEqual([
        "upstream_too_large",
        expect.stringMatching(/^The answer of the provider '\w+' is larger than 200000 bytes\.$/),
      ]);
      await expectLedger(response, 502, "upstream_too_large");
    });
  }

  test("the largest that is read passes", async () => {
    const answer = JSON.stringify({ choices: [], padding: "" });
    const text = answer.replace('""', `"${"x".repeat(200_000 - answer.length)}"`);
    behave = () => new Response(text, { headers: json });
    expect(await (await sluice.post("/v1/chat/completions", chat)).text()).toBe(text);
  });

  test("a stream that is held back for a rule is bounded too; its provider is told to stop", async () => {
    const before = aborted;
    behave = () =>
      new Response(endless(firstEvent("/v1/chat/completions")), { headers: { "content-type": "text/event-stream" } });
    const policies = {
      "org/a.policy.yaml": "phase: response\nrules: [{ when: response.bytes > 1000000, then: deny, code: large }]",
    };
    await using held = await startHarness({ upstream: provider.url, policies, config: { max_answer_bytes: 200_000 } });
    const response = await held.post("/v1/chat/completions", { ...chat, stream: true });
    expect(response.status).toBe(502);
    expect((await errorOf(response)).code).toBe("upstream_too_large");
    const row = await held.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ status: 502, code: "upstream_too_large", provenance: "partial" });
    await until(() => aborted > before);
  });
});

describe("a provider below HTTP", () => {
  let server: Server;
  let onConnection: (socket: Socket) => void = () => undefined;
  let raw: Harness;
  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    raw = await startHarness({ upstream: `http://127.0.0.1:${port}` });
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    server.close();
  });

  test("reset before an answer: 502", async () => {
    onConnection = (socket) => socket.once("data", () => socket.resetAndDestroy());
    const response = await raw.post("/v1/chat/completions", chat);
    expect(response.status).toBe(502);
    expect((await errorOf(response)).code).toBe("upstream_unreachable");
  });

  test("not HTTP at all: 502", async () => {
    onConnection = (socket) => socket.once("data", () => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    const response = await raw.post("/v1/chat/completions", chat);
    expect(response.status).toBe(502);
    await response.bytes();
  });

  test("reset in the middle of a stream: what came is delivered, then an error event", async () => {
    onConnection = (socket) =>
      socket.once("data", () => {
        const event = firstEvent("/v1/chat/completions");
        const length = Buffer.byteLength(event).toString(16);
        const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write(`${head}${length}\r\n${event}\r\n`, () => setTimeout(() => socket.resetAndDestroy(), 50));
      });
    const response = await raw.post("/v1/chat/completions", { ...chat, stream: true });
    const text = await response.text();
    expect(text).toContain("Hi");
    expect(text).toContain("upstream_interrupted");
    const row = await raw.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ code: "upstream_interrupted", provenance: "partial" });
  });

  test("cut in the middle of a plain answer: 502", async () => {
    onConnection = (socket) =>
      socket.once("data", () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id":"x'));
    const response = await raw.post("/v1/chat/completions", chat);
    expect(response.status).toBe(502);
    expect((await errorOf(response)).code).toBe("upstream_interrupted");
  });

  test("nobody listening: 502", async () => {
    await using refused = await startHarness({ upstream: "http://127.0.0.1:1" });
    const response = await refused.post("/v1/messages", messages);
    expect(response.status).toBe(502);
    expect((await errorOf(response)).code).toBe("upstream_unreachable");
    expect(await refused.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      status: 502,
      code: "upstream_unreachable",
      total_tokens: 0,
    });
  });
});

function firstEvent(path: string): string {
  return path === "/v1/messages"
    ? 'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi there"}}\n\n'
    : 'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi there"},"finish_reason":null}]}\n\n';
}

/** A body that sends some text and then nothing, without ending. */
function silentAfter(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)) });
}
