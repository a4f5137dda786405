import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TargetStatus, UpstreamRequest } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { type UpstreamConfig, upstreamSettings } from "./settings.ts";
import { TestCall, targetOf, upstreamConfig } from "./testing.ts";
import { createUpstream } from "./upstream.ts";

const a = targetOf("a");
const b = targetOf("b");
const ok = () => Response.json({ ok: true });
const status = (code: number, headers: Record<string, string> = {}) =>
  Response.json({ code }, { status: code, headers });

type Answer = Response | Error | ((request: UpstreamRequest) => Promise<Response>);

/** An upstream whose targets answer from lists, the last one again and again, and whose clock only waiting moves. */
function scripted(answers: Record<string, readonly Answer[]>, changes: Partial<UpstreamConfig> = {}) {
  const asked: string[] = [];
  const waited: number[] = [];
  const errors: string[] = [];
  const retries: string[] = [];
  const states: string[] = [];
  const time = { now: 1_000_000, late: 0 };
  const upstream = createUpstream({
    transport: async (request) => {
      const { provider } = request.target;
      const list = answers[provider]!;
      const answer = list[Math.min(asked.filter((one) => one === provider).length, list.length - 1)]!;
      asked.push(provider);
      if (typeof answer === "function") return answer(request);
      if (answer instanceof Error) throw answer;
      return answer.clone() as Response;
    },
    settingsOf: () => upstreamSettings(upstreamConfig(changes)),
    metrics: {
      breaker: (name, state) => states.push(`${name} ${state}`),
      upstreamError: (provider, kind) => errors.push(`${provider} ${kind}`),
      upstreamRetry: (provider, kind) => retries.push(`${provider} ${kind}`),
    },
    clock: { now: () => time.now },
    random: () => 1,
    wait: async (ms) => {
      waited.push(ms);
      time.now += ms + time.late;
    },
    probe: async () => true,
  });
  return { upstream, asked, waited, errors, retries, states, time };
}

const hangs = ({ signal }: UpstreamRequest) =>
  new Promise<Response>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    // As `fetch` does for whoever is gone before it begins.
    if (signal.aborted) reject(signal.reason);
  });

/** Resolves when the microtasks that are due have run, a few times over. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe("the first attempt", () => {
  test("that is answered is all there is", async () => {
    const { upstream, asked, waited, errors, retries } = scripted({ a: [ok()], b: [ok()] });
    const call = new TestCall([a, b]);
    const answer = await upstream.send(call);
    expect(answer.target).toBe(a);
    expect(await answer.response.json()).toEqual({ ok: true });
    expect([asked, waited, errors, retries]).toEqual([["a"], [], [], []]);
    expect(call.waits).toEqual([600_000]);
    expect(upstream.status()).toMatchObject([{ id: "a/m", inFlight: 1, attempts: 1, failures: 0 }]);
    answer.release(false);
    expect(upstream.status()).toMatchObject([{ id: "a/m", inFlight: 0, failures: 0 }]);
  });

  test("that fails is told to the call as it is counted, and so are those after it", async () => {
    const { upstream, errors } = scripted({ a: [status(503), new Error("refused")], b: [status(400)] }, { retries: 1 });
    const call = new TestCall([a, b]);
    await upstream.send(call);
    expect(call.failures).toEqual(["status_503", "upstream_unreachable", "status_400"]);
    expect(errors).toEqual(["a status_503", "a upstream_unreachable", "b status_400"]);
    const well = new TestCall([a]);
    await scripted({ a: [ok()] }).upstream.send(well);
    expect(well.failures).toEqual([]);
  });

  test.each([400, 401, 403, 404, 422])("that is answered with %i is passed on", async (code) => {
    const { upstream, asked, errors } = scripted({ a: [status(code)], b: [ok()] });
    const { target, response, body } = await upstream.send(new TestCall([a, b], true));
    expect([target, response.status, body]).toEqual([a, code, null]);
    expect(await response.json()).toEqual({ code });
    expect([asked, errors]).toEqual([["a"], [`a status_${code}`]]);
    expect(upstream.status()).toMatchObject([{ inFlight: 0, failures: 0 }]);
  });
});

describe("further attempts", () => {
  test.each([
    ["an error of its", status(500)],
    ["too much at once", status(429)],
    ["a gateway before it", status(502)],
    ["an overload", status(529)],
    ["no connection", new Error("refused")],
  ])("after %s wait longer each time, and the second target follows", async (_what, failure) => {
    const { upstream, asked, waited, retries } = scripted({ a: [failure], b: [failure, ok()] });
    const { target } = await upstream.send(new TestCall([a, b]));
    expect(target).toBe(b);
    expect(asked).toEqual(["a", "a", "a", "b", "b"]);
    expect(waited).toEqual([500, 1000, 500]);
    expect(retries).toEqual(["a retry", "a retry", "b failover", "b retry"]);
  });

  test("are as many as are set, and the last answer is passed on", async () => {
    const { upstream, asked } = scripted({ a: [status(500), status(503)] }, { retries: 1 });
    const { response } = await upstream.send(new TestCall([a]));
    expect([response.status, asked.length]).toEqual([503, 2]);
    expect(await response.json()).toEqual({ code: 503 });
  });

  test("that end without an answer reject, whatever was answered before", async () => {
    const { upstream } = scripted({ a: [status(500)], b: [new Error("refused")] }, { retries: 0 });
    const sending = upstream.send(new TestCall([a, b]));
    await expect(sending).rejects.toMatchObject({ code: "upstream_unreachable", details: { provider: "b" } });
  });

  test("wait for as long as the provider asks", async () => {
    const date = new Date(1_000_000 + 4000).toUTCString();
    const answers = [status(429, { "retry-after": "3" }), status(429, { "retry-after-ms": "700" }), ok()];
    const { upstream, waited } = scripted({ a: answers, b: [status(503, { "retry-after": date }), ok()] });
    await upstream.send(new TestCall([a]));
    expect(waited).toEqual([3000, 1000]);
    await upstream.send(new TestCall([b]));
    // The clock stands at 1,004,000 now, which is what the date says.
    expect(waited).toEqual([3000, 1000, 500]);
  });

  test("are not made where the provider asks for more than is ever waited", async () => {
    const { upstream, asked, waited } = scripted({ a: [status(429, { "retry-after": "60" })], b: [ok()] });
    const { target } = await upstream.send(new TestCall([a, b]));
    expect([target, asked, waited]).toEqual([b, ["a", "b"], []]);
    const alone = await upstream.send(new TestCall([a]));
    expect(alone.response.status).toBe(429);
    expect(alone.response.headers.get("retry-after")).toBe("60");
  });

  test("are made elsewhere at once when money is what is missing", async () => {
    const spent = Response.json({ error: { code: "insufficient_quota" } }, { status: 429 });
    const { upstream, asked } = scripted({ a: [spent], b: [ok()] });
    await upstream.send(new TestCall([a, b]));
    expect(asked).toEqual(["a", "b"]);
  });

  test("are not made at a target that hung, but at the next", async () => {
    const { upstream, asked, errors } = scripted({ a: [hangs], b: [ok()] });
    const call = new TestCall([a, b]);
    const sending = upstream.send(call);
    await settle();
    call.expire();
    expect((await sending).target).toBe(b);
    expect([asked, errors]).toEqual([["a", "b"], ["a upstream_timeout"]]);
    const alone = new TestCall([a]);
    const failing = upstream.send(alone);
    await settle();
    alone.expire();
    const details = { provider: "a", seconds: 600 };
    await expect(failing).rejects.toMatchObject({ code: "upstream_timeout", details });
  });

  test("stop when the time for them is over", async () => {
    const { upstream, asked, waited } = scripted({ a: [status(500)], b: [ok()] }, { retry_budget_seconds: 1.2 });
    await upstream.send(new TestCall([a]));
    // The second wait, of a second, would have ended after it.
    expect([asked, waited]).toEqual([["a", "a"], [500]]);
    expect((await upstream.send(new TestCall([a, b]))).target).toBe(b);
  });

  test("stop when a wait took longer than it should have: the last answer is passed on", async () => {
    const { upstream, asked, retries, time } = scripted({ a: [status(500)], b: [ok()] }, { retry_budget_seconds: 1.2 });
    time.late = 800;
    const { response, target } = await upstream.send(new TestCall([a, b]));
    expect([response.status, target, asked, retries]).toEqual([500, a, ["a"], []]);
  });

  test("and the answer are bounded together by the time of the whole call", async () => {
    const { upstream } = scripted({ a: [status(500), ok()] }, { total_timeout_seconds: 20 });
    const call = new TestCall([a]);
    const { totalMs } = await upstream.send(call);
    expect(call.waits).toEqual([20_000, Number.POSITIVE_INFINITY, 19_500]);
    expect(totalMs).toBe(20_000);
  });

  test("are not made when the client is gone", async () => {
    const { upstream, asked } = scripted({ a: [hangs], b: [ok()] });
    const call = new TestCall([a, b]);
    const sending = upstream.send(call);
    await settle();
    call.leave();
    await expect(sending).rejects.toThrow();
    expect(asked).toEqual(["a"]);
    expect(upstream.status()).toMatchObject([{ inFlight: 0, failures: 0 }]);
  });

  test("are not made when the client goes while it is waited for one", async () => {
    const call = new TestCall([a, b]);
    const leaving = async () => {
      call.leave();
      return status(500);
    };
    const { upstream, asked } = scripted({ a: [leaving], b: [ok()] });
    await upstream.send(call);
    expect(asked).toEqual(["a"]);
  });
});

describe("a stream", () => {
  const events = (...chunks: (string | Error)[]) =>
    new Response(
      new ReadableStream({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.close();
          else if (chunk instanceof Error) controller.error(chunk);
          else controller.enqueue(new TextEncoder().encode(chunk));
        },
      }),
    );

  test("is handed over with its first chunk, which is read again", async () => {
    const { upstream } = scripted({ a: [async () => events("one", "two")] });
    const { body, first } = await upstream.send(new TestCall([a], true));
    expect(new TextDecoder().decode(first)).toBe("one");
    const read = async () => new TextDecoder().decode((await body!.read()).value);
    expect([await read(), await read()]).toEqual(["one", "two"]);
    expect((await body!.read()).done).toBe(true);
  });

  test("that breaks before its first byte is tried again", async () => {
    const { upstream, asked } = scripted({ a: [async () => events(new Error("reset")), async () => events("x")] });
    const { first } = await upstream.send(new TestCall([a], true));
    expect(new TextDecoder().decode(first)).toBe("x");
    expect(asked).toEqual(["a", "a"]);
  });

  test("that breaks later is not", async () => {
    const { upstream, asked } = scripted({ a: [async () => events("x", new Error("reset"))] });
    const { body } = await upstream.send(new TestCall([a], true));
    await body!.read();
    await expect(body!.read()).rejects.toThrow("reset");
    expect(asked).toEqual(["a"]);
  });
});

describe("a target that fails too often", () => {
  const settings = { retries: 0, breaker_min_calls: 4, breaker_open_seconds: 0.05 };
  const stateOf = (states: readonly TargetStatus[], id: string) => states.find((one) => one.id === id)?.state;
  const fail = async (upstream: ReturnType<typeof scripted>["upstream"], times: number) => {
    for (let i = 0; i < times; i += 1) await upstream.send(new TestCall([a]));
    await settle();
  };

  test("is skipped", async () => {
    const { upstream, asked, states } = scripted({ a: [status(500)], b: [ok()] }, settings);
    await fail(upstream, 3);
    expect(stateOf(upstream.status(), "a/m")).toBe("closed");
    await fail(upstream, 1);
    expect(stateOf(upstream.status(), "a/m")).toBe("open");
    const { target } = await upstream.send(new TestCall([a, b]));
    expect(target).toBe(b);
    expect(asked).toEqual(["a", "a", "a", "a", "b"]);
    expect(states).toEqual(["a/m closed", "a/m open", "b/m closed"]);
    upstream.close();
  });

  test("is not asked: with no other there is 503 that says when to come back", async () => {
    const { upstream, asked } = scripted({ a: [status(500)] }, { ...settings, breaker_open_seconds: 15 });
    await fail(upstream, 4);
    const refused = await upstream.send(new TestCall([a])).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SluiceError);
    expect(refused).toMatchObject({ code: "upstream_unavailable", status: 503, details: { seconds: 15 } });
    expect(asked).toHaveLength(4);
    upstream.close();
  });

  test("is tried by one call after a while, and let in when that goes well", async () => {
    const slow = Promise.withResolvers<Response>();
    const answers = [status(500), status(500), status(500), status(500), () => slow.promise, ok()];
    const { upstream, states, asked } = scripted({ a: answers }, settings);
    await fail(upstream, 4);
    while (stateOf(upstream.status(), "a/m") === "open") await Bun.sleep(1);
    const trying = upstream.send(new TestCall([a]));
    await settle();
    await expect(upstream.send(new TestCall([a]))).rejects.toThrow("No provider");
    slow.resolve(ok());
    await trying;
    await settle();
    expect((await upstream.send(new TestCall([a]))).response.status).toBe(200);
    expect(states).toEqual(["a/m closed", "a/m open", "a/m half_open", "a/m closed"]);
    expect(asked).toHaveLength(6);
    upstream.close();
  });

  test("stays away when the call that tries it fails, or is given up", async () => {
    const { upstream, states } = scripted({ a: [status(500), status(500), status(500), status(500), hangs] }, settings);
    await fail(upstream, 4);
    while (stateOf(upstream.status(), "a/m") === "open") await Bun.sleep(1);
    const call = new TestCall([a]);
    const trying = upstream.send(call);
    await settle();
    call.leave();
    await expect(trying).rejects.toThrow();
    await settle();
    expect(states.at(-1)).toBe("a/m open");
    upstream.close();
  });

  test("is one that is not reached, hangs or breaks off, not one that is out of breath or asked wrongly", async () => {
    const { upstream } = scripted({ a: [status(429), status(400), status(404), ok()] }, settings);
    await fail(upstream, 12);
    expect(upstream.status()).toMatchObject([{ state: "closed", failures: 0, attempts: 12 }]);
    for (let i = 0; i < 12; i += 1) (await upstream.send(new TestCall([a]))).release(true);
    expect(upstream.status()).toMatchObject([{ state: "open", failures: 12, attempts: 24 }]);
    upstream.close();
  });

  test("is asked all the same when breakers are off", async () => {
    const { upstream, asked } = scripted({ a: [status(500)] }, { ...settings, breaker_enabled: false });
    await fail(upstream, 30);
    expect(asked).toHaveLength(30);
    upstream.close();
  });
});

describe("more than may be under way at once", () => {
  const settings = { retries: 0, max_in_flight: 1, max_queue: 1 };

  test("wait for their turn, in order; those beyond the queue go elsewhere", async () => {
    const { upstream, asked } = scripted({ a: [ok()], b: [ok()] }, settings);
    const first = await upstream.send(new TestCall([a, b]));
    const second = upstream.send(new TestCall([a, b]));
    const third = await upstream.send(new TestCall([a, b]));
    expect([first.target, third.target]).toEqual([a, b]);
    expect(upstream.status()[0]).toMatchObject({ inFlight: 1, queued: 1 });
    first.release(false);
    expect((await second).target).toBe(a);
    expect(upstream.status()[0]).toMatchObject({ inFlight: 1, queued: 0 });
    expect(asked).toEqual(["a", "b", "a"]);
  });

  test("are refused when nothing is left", async () => {
    const { upstream } = scripted({ a: [ok()] }, settings);
    await upstream.send(new TestCall([a]));
    void upstream.send(new TestCall([a]));
    await expect(upstream.send(new TestCall([a]))).rejects.toMatchObject({ code: "upstream_unavailable" });
  });

  test("wait for their turn within the time of the whole call", async () => {
    const { upstream, time } = scripted({ a: [ok()] }, { ...settings, total_timeout_seconds: 6 });
    const running = await upstream.send(new TestCall([a]));
    const call = new TestCall([a]);
    const waiting = upstream.send(call);
    time.now += 4000;
    running.release(false);
    (await waiting).release(false);
    // What was waited is not given to the attempt.
    expect(call.waits).toEqual([5000, 2000]);
  });

  test("and have waited as long as the whole call may take go nowhere: nobody is asked in vain", async () => {
    const changes = { ...settings, total_timeout_seconds: 6, queue_timeout_seconds: 60 };
    const { upstream, asked, time } = scripted({ a: [ok()], b: [ok()] }, changes);
    await upstream.send(new TestCall([a]));
    const call = new TestCall([a, b]);
    const waiting = upstream.send(call);
    time.now += 6001;
    call.expire();
    await expect(waiting).rejects.toMatchObject({ code: "upstream_unavailable" });
    expect([asked, call.waits]).toEqual([["a"], [6000]]);
  });

  test("wait elsewhere only as long as further attempts may begin: then the answer that came is passed on", async () => {
    const changes = { ...settings, retry_budget_seconds: 1 };
    const { upstream, asked, retries, time } = scripted({ a: [status(500)], b: [ok()] }, changes);
    const running = await upstream.send(new TestCall([b]));
    for (const end of ["expire", "turn"] as const) {
      asked.length = 0;
      const call = new TestCall([a, b]);
      const waiting = upstream.send(call);
      await settle();
      expect(call.waits.at(-1)).toBe(1000);
      time.now += 1001;
      if (end === "expire") call.expire();
      else running.release(false);
      const { response, target } = await waiting;
      expect([response.status, target, asked, retries]).toEqual([500, a, ["a"], []]);
    }
    expect(upstream.status()).toMatchObject([{ inFlight: 0 }, { inFlight: 0, queued: 0 }]);
  });

  test("wait no longer than is set, and not for a client that is gone", async () => {
    const { upstream } = scripted({ a: [ok()] }, settings);
    const running = await upstream.send(new TestCall([a]));
    for (const end of ["expire", "leave"] as const) {
      const call = new TestCall([a]);
      const waiting = upstream.send(call);
      expect(call.waits).toEqual([5000]);
      call[end]();
      await expect(waiting).rejects.toMatchObject({ code: "upstream_unavailable" });
      expect(upstream.status()).toMatchObject([{ inFlight: 1, queued: 0 }]);
    }
    running.release(false);
    expect(upstream.status()).toMatchObject([{ inFlight: 0, queued: 0 }]);
  });
});

test("whatever happens to calls, places are given back, attempts are bounded, and nobody is asked for who is gone", async () => {
  const outcome = fc.constantFrom<Answer>(
    ...[ok(), status(500), status(529), status(429), status(400), status(429, { "retry-after": "60" })],
    ...[new Error("refused"), hangs],
  );
  const script = fc.array(outcome, { minLength: 1, maxLength: 4 });
  const end = fc.constantFrom("release", "break", "leave", "leave at once");
  const settings = fc.record({
    retries: fc.integer({ min: 0, max: 3 }),
    max_in_flight: fc.integer({ min: 1, max: 3 }),
    max_queue: fc.integer({ min: 0, max: 2 }),
    breaker_min_calls: fc.integer({ min: 1, max: 20 }),
    breaker_open_seconds: fc.constantFrom(0.001, 15),
  });
  await fc.assert(
    fc.asyncProperty(
      script,
      script,
      fc.array(end, { minLength: 1, maxLength: 6 }),
      settings,
      async (one, two, ends, changes) => {
        const { upstream, asked } = scripted({ a: one, b: two }, changes);
        let goneAsked = 0;
        const outcomes = ends.map(async (how) => {
          const call = new TestCall([a, b]);
          const prepare = call.prepare.bind(call);
          call.prepare = (target, signal) => {
            // With its signal aborted nothing goes out.
            if (call.gone && !signal.aborted) goneAsked += 1;
            return prepare(target, signal);
          };
          const sending = upstream.send(call);
          if (how.startsWith("leave")) {
            if (how === "leave") await settle();
            call.leave();
          }
          let over = false;
          const sent = sending.then(
            (answer) => answer.release(how === "break"),
            () => undefined,
          );
          void sent.then(() => {
            over = true;
          });
          // Whatever hangs, or waits for its turn, has its time. Breakers have theirs, which is real.
          while (!over) {
            await settle();
            await new Promise((resolve) => setImmediate(resolve));
            if (!over) call.expire();
          }
        });
        await Promise.all(outcomes);
        for (const { inFlight, queued } of upstream.status()) expect([inFlight, queued]).toEqual([0, 0]);
        expect(asked.length).toBeLessThanOrEqual(ends.length * 2 * (changes.retries + 1));
        expect(goneAsked).toBe(0);
        // No breaker is stuck: the target is asked again, sooner or later.
        const before = asked.length;
        while (changes.breaker_open_seconds < 1 && asked.length === before) {
          const call = new TestCall([a]);
          const sent = upstream.send(call).catch(() => undefined);
          await Bun.sleep(1);
          call.leave();
          await sent;
        }
        upstream.close();
      },
    ),
    { numRuns: 300 },
  );
}, 30_000);

test("whatever goes wrong while a request is made, the place is given back", async () => {
  const { upstream } = scripted({ a: [ok()] });
  const call = new TestCall([a]);
  call.prepare = () => {
    throw new Error("a bug");
  };
  await expect(upstream.send(call)).rejects.toThrow("a bug");
  expect(upstream.status()).toMatchObject([{ inFlight: 0, attempts: 0 }]);
});
