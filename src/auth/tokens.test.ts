import { describe, expect, test } from "bun:test";
import { generateKeyPair, SignJWT } from "jose";
import { TestClock } from "../store/testing.ts";
import { TokenSettingError } from "./token-setting-error.ts";
import { createTokens, type TokenOptions } from "./tokens.ts";

const secret = "a secret of tokens with 32 bytes";
const claims = { roles: ["roles", "role"], scopes: ["scope", "scopes"], organisation: ["organisation", "org"] };
const clock = new TestClock();
const now = Math.floor(clock.now() / 1000);
const good = { sub: "ann", iat: now, exp: now + 600, roles: ["viewer"] };

function sign(payload: object, alg = "HS256", key: Parameters<SignJWT["sign"]>[0] = Buffer.from(secret)) {
  return new SignJWT({ ...payload }).setProtectedHeader({ alg }).sign(key);
}

/** A token put together by hand: what no library makes. */
function forge(header: object, payload: object, signature = ""): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(payload)}.${signature}`;
}

const open = (over: Partial<TokenOptions> = {}) =>
  createTokens({ clock, secret, claims, organisationRequired: false, ...over });

describe("a token", () => {
  test("that is signed with the secret says who it is and what it may do", async () => {
    const operator = await open().identify(await sign({ ...good, organisation: "acme" }));
    expect(operator).toEqual({
      id: "jwt:ann",
      scopes: new Set(["policy:read", "usage:read"] as const),
      organisation: "acme",
    });
  });

  const other = Buffer.from("another secret of tokens, 32 byte");
  test.each([
    ["signed with another secret", () => sign(good, "HS256", other)],
    ["signed with another algorithm of the same kind", () => sign(good, "HS512", Buffer.from(secret.repeat(2)))],
    ["not signed", async () => forge({ alg: "none" }, good)],
    ["not signed, in capitals", async () => forge({ alg: "NONE" }, good, "AA")],
    ["of no algorithm", async () => forge({}, good, "AA")],
    ["of an algorithm that is no text", async () => forge({ alg: ["HS256"] }, good, "AA")],
    ["with a critical extension", async () => forge({ alg: "HS256", crit: ["x"], x: 1 }, good, "AA")],
    ["expired", () => sign({ ...good, exp: now - 31 })],
    ["not valid yet", () => sign({ ...good, nbf: now + 31 })],
    ["without an end", () => sign({ sub: "ann", roles: ["owner"] })],
    ["with an end that is no number", async () => sign({ ...good, exp: "2126-01-01" })],
    ["of nobody", () => sign({ exp: now + 600, roles: ["owner"] })],
    ["of somebody with line breaks", () => sign({ ...good, sub: "ann\nlevel=fatal" })],
    ["of somebody with no end", () => sign({ ...good, sub: "a".repeat(129) })],
    ["with an organisation that is no text", () => sign({ ...good, organisation: ["acme"] })],
    ["with an organisation that is null", () => sign({ ...good, organisation: null })],
    ["with an empty organisation", () => sign({ ...good, organisation: "" })],
    ["in two parts", async () => "a.b"],
    ["that is no JSON", async () => "YQ.YQ.YQ"],
    ["without end", async () => `${"a".repeat(20_000)}.a.a`],
  ])("%s is not valid", async (_, make) => {
    expect(await open().identify(await make())).toBeNull();
  });

  test.each([
    ["expired", () => sign({ ...good, exp: now - 31 }), '"exp" claim timestamp check failed'],
    ["without an end", () => sign({ sub: "ann" }), 'missing required "exp" claim'],
    ["signed with another secret", () => sign(good, "HS256", other), "signature verification failed"],
    [
      "not signed",
      async () => forge({ alg: "none" }, good, "AA"),
      "its algorithm is none of those that keys are configured",
    ],
    ["with an empty organisation", () => sign({ ...good, organisation: "" }), "its sub or its organisation"],
  ])("%s: why it is refused is told, and nothing of it", async (_, make, reason) => {
    const told: string[] = [];
    expect(await open().identify(await make(), (why) => void told.push(why))).toBeNull();
    expect(told).toEqual([expect.stringContaining(reason)]);
    expect(JSON.stringify(told)).not.toMatch(/\bann\b/);
  });

  test("may be as late or early as clocks are off", async () => {
    expect(await open().identify(await sign({ ...good, exp: now - 29, nbf: now + 29 }))).not.toBeNull();
  });

  test("is held to issuer and audience, where they are set", async () => {
    const tokens = open({ issuer: "https://id.example", audience: "sluice" });
    const full = { ...good, iss: "https://id.example", aud: ["other", "sluice"] };
    expect(await tokens.identify(await sign(full))).not.toBeNull();
    for (const wrong of [{ iss: "https://evil.example" }, { aud: "other" }, { iss: undefined }, { aud: undefined }]) {
      expect(await tokens.identify(await sign({ ...full, ...wrong }))).toBeNull();
    }
  });

  test("without an organisation is for all of them, unless one is required", async () => {
    const token = await sign(good);
    expect((await open().identify(token))?.organisation).toBeNull();
    expect(await open({ organisationRequired: true }).identify(token)).toBeNull();
  });

  test("with a symmetric signature is not valid where there is no secret", async () => {
    const { publicKey } = await generateKeyPair("RS256");
    const tokens = open({ secret: undefined, jwks: async () => publicKey });
    expect(await tokens.identify(await sign(good))).toBeNull();
  });

  test("with an authority's signature is not valid where there is no authority", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    expect(await open().identify(await sign(good, "ES256", privateKey))).toBeNull();
  });
});

describe("what a token allows", () => {
  test.each<[object, readonly string[]]>([
    [{}, []],
    [{ role: "viewer" }, ["policy:read", "usage:read"]],
    [{ roles: "viewer auditor" }, ["audit:read", "policy:read", "policy:simulate", "usage:read"]],
    [{ roles: ["viewer"], scope: "key:write" }, ["key:write", "policy:read", "usage:read"]],
    [{ scopes: ["key:write", "everything", 7] }, ["key:write"]],
    [{ roles: ["root", "__proto__", "constructor"] }, []],
    [{ roles: { owner: true } }, []],
    [{ roles: null, role: "viewer" }, ["policy:read", "usage:read"]],
  ])("%j", async (payload, scopes) => {
    const { roles: _, ...rest } = good;
    const operator = await open().identify(await sign({ ...rest, ...payload }));
    expect<readonly string[]>([...operator!.scopes].sort()).toEqual([...scopes].sort());
  });

  test("stands in the claims that are named, with dots in their names or leading into them", async () => {
    const named = { roles: ["realm_access.roles"], scopes: ["https://example.org/scope"], organisation: ["tenant.id"] };
    const payload = {
      sub: "ann",
      exp: now + 60,
      realm_access: { roles: ["viewer"] },
      "https://example.org/scope": "key:write",
      tenant: { id: "acme" },
      roles: ["owner"],
      organisation: "globex",
    };
    const operator = await open({ claims: named }).identify(await sign(payload));
    expect([operator!.organisation, [...operator!.scopes].sort()]).toEqual([
      "acme",
      ["key:write", "policy:read", "usage:read"],
    ]);
  });
});

test("a secret that could be found out from one token is refused", () => {
  expect(() => open({ secret: "x".repeat(31) })).toThrow(TokenSettingError);
  expect(() => open({ secret: "x".repeat(32) })).not.toThrow();
});
