import { describe, expect, test } from "bun:test";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import type { SluiceError } from "../errors.ts";
import { createTestLogger, TestClock } from "../store/testing.ts";
import { createJwks } from "./jwks.ts";
import { createTokens } from "./tokens.ts";

const claims = { roles: ["roles"], scopes: ["scope"], organisation: ["organisation"] };

/** A key of an authority; `kid` names it. */
async function makeKey(kid: string, alg = "RS256") {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
  return { kid, alg, jwk, privateKey, publicKey };
}

type Key = Awaited<ReturnType<typeof makeKey>>;

/** An authority that publishes keys over HTTP, and how it answers. */
async function startAuthority(over: { timeoutMs?: number; maxAgeMs?: number; cooldownMs?: number } = {}) {
  const clock = new TestClock();
  const logger = createTestLogger();
  const state = { keys: [] as Key[], answer: undefined as (() => Response | Promise<Response>) | undefined, asked: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch() {
      state.asked += 1;
      return state.answer?.() ?? Response.json({ keys: state.keys.map(({ jwk }) => jwk) });
    },
  });
  const jwks = createJwks({
    url: new URL(`http://127.0.0.1:${server.port}/keys`),
    clock,
    logger,
    timeoutMs: 2000,
    maxAgeMs: 60_000,
    cooldownMs: 0,
    ...over,
  });
  const tokens = createTokens({ clock, jwks, claims, organisationRequired: false });
  const sign = ({ kid, alg, privateKey }: Pick<Key, "kid" | "alg" | "privateKey">) =>
    new SignJWT({ sub: "ann", exp: Math.floor(clock.now() / 1000) + 86_400, roles: ["viewer"] })
      .setProtectedHeader({ alg, kid })
      .sign(privateKey);
  const identify = async (key: Key) => (await tokens.identify(await sign(key)))?.id ?? null;
  return { ...state, state, clock, logger, tokens, sign, identify, [Symbol.asyncDispose]: () => server.stop(true) };
}

const away = () => new Response("", { status: 503 });
const code = (promise: Promise<unknown>) => promise.catch((error: unknown) => (error as SluiceError).code);

describe("tokens of an authority", () => {
  test.each(["RS256", "PS256", "ES256", "ES384", "EdDSA"])("are verified with its keys: %s", async (alg) => {
    await using authority = await startAuthority();
    const key = await makeKey("one", alg);
    authority.state.keys = [key];
    expect(await authority.identify(key)).toBe("jwt:ann");
    const stranger = await makeKey("one", alg);
    expect(await authority.identify({ ...stranger, jwk: key.jwk })).toBeNull();
  });

  test("make its keys be fetched once, for all who come at a time and afterwards", async () => {
    await using authority = await startAuthority();
    const key = await makeKey("one");
    authority.state.keys = [key];
    expect(authority.state.asked).toBe(0);
    const all = await Promise.all(Array.from({ length: 20 }, () => authority.identify(key)));
    expect(new Set(all)).toEqual(new Set(["jwt:ann"]));
    await authority.identify(key);
    expect(authority.state.asked).toBe(1);
  });

  test("with a new key make them be fetched again at once", async () => {
    await using authority = await startAuthority();
    const [one, two] = [await makeKey("one"), await makeKey("two")];
    authority.state.keys = [one];
    expect(await authority.identify(one)).toBe("jwt:ann");
    expect(await authority.identify(two)).toBeNull();
    authority.state.keys = [one, two];
    expect(await authority.identify(two)).toBe("jwt:ann");
    expect(await authority.identify(one)).toBe("jwt:ann");
  });

  test("with invented keys do not make it be asked each time", async () => {
    await using authority = await startAuthority({ cooldownMs: 60_000 });
    const one = await makeKey("one");
    authority.state.keys = [one];
    expect(await authority.identify(one)).toBe("jwt:ann");
    for (let i = 0; i < 10; i += 1) expect(await authority.identify({ ...one, kid: `invented-${i}` })).toBeNull();
    expect(authority.state.asked).toBe(1);
  });

  test("with a key that was taken back are not valid once the keys were fetched again", async () => {
    await using authority = await startAuthority({ maxAgeMs: 0 });
    const [one, two] = [await makeKey("one"), await makeKey("two")];
    authority.state.keys = [one, two];
    expect(await authority.identify(one)).toBe("jwt:ann");
    authority.state.keys = [two];
    expect(await authority.identify(one)).toBeNull();
  });

  test("cannot be signed with its public key as if that were a secret", async () => {
    await using authority = await startAuthority();
    const key = await makeKey("one");
    authority.state.keys = [key];
    const pem = Buffer.from(await exportSPKI(key.publicKey));
    const forged = await new SignJWT({ sub: "eve", exp: Math.floor(authority.clock.now() / 1000) + 60 })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .sign(pem);
    expect(await authority.tokens.identify(forged)).toBeNull();
  });
});

describe("while the authority is away", () => {
  test("known keys go on for an hour after they are too old, and it is left alone between attempts", async () => {
    await using authority = await startAuthority({ maxAgeMs: 0 });
    const key = await makeKey("one");
    authority.state.keys = [key];
    expect(await authority.identify(key)).toBe("jwt:ann");
    authority.state.answer = away;
    for (let i = 0; i < 5; i += 1) expect(await authority.identify(key)).toBe("jwt:ann");
    expect(authority.state.asked).toBe(2);
    authority.clock.ms += 5_000;
    expect(await authority.identify(key)).toBe("jwt:ann");
    expect(authority.state.asked).toBe(3);
    authority.clock.ms += 3_600_000;
    expect(await code(authority.identify(key))).toBe("authority_unavailable");
    authority.state.answer = undefined;
    authority.clock.ms += 5_000;
    expect(await authority.identify(key)).toBe("jwt:ann");
  });

  test.each<[string, () => Response | Promise<Response>]>([
    ["answers with an error", away],
    ["answers with what is no set of keys", () => Response.json({ hello: "world" })],
    ["answers with what is no JSON", () => new Response("<html>")],
    ["leads elsewhere", () => Response.redirect("http://127.0.0.1:1/")],
    ["answers with more than keys can be", () => new Response(`{"keys":[${" ".repeat(600_000)}]}`)],
    ["does not answer", () => new Promise<Response>(() => undefined)],
  ])("or %s, nobody is let in by a token, and that is told", async (_, answer) => {
    await using authority = await startAuthority({ timeoutMs: 200 });
    authority.state.answer = answer;
    const key = await makeKey("one");
    expect(await code(authority.identify(key))).toBe("authority_unavailable");
    expect(authority.logger.lines.join()).toContain("could not be fetched");
  });
});
