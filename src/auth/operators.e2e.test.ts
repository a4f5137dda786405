import { afterAll, beforeAll, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { type Fleet, startFleet } from "../store/changes/fleet-harness.ts";

const secret = "a secret of tokens with 32 bytes";
let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet(2, "--jwt-secret", secret, "--jwt-audience", "sluice");
}, 60_000);
afterAll(() => fleet[Symbol.asyncDispose]());

/** What a replica says to who lists applications. */
async function statusOf(replica: number, credential: string): Promise<number> {
  const headers = { authorization: `Bearer ${credential}` };
  return (await fetch(`${fleet.replicas[replica]!.url}/admin/v1/applications`, { headers })).status;
}

test("an admin key that one replica mints is good on another at once, and dead there at once when it is revoked", async () => {
  const [first] = fleet.replicas;
  const { json } = await first!.admin("POST", "admin-keys", { name: "on call", role: "viewer" });
  expect([await statusOf(0, json.key), await statusOf(1, json.key)]).toEqual([200, 200]);
  await first!.admin("POST", `admin-keys/${json.id}/revoke`);
  expect([await statusOf(1, json.key), await statusOf(0, json.key)]).toEqual([401, 401]);
}, 30_000);

test("a token is good on every replica; a gateway key on none", async () => {
  const sign = (audience: string) =>
    new SignJWT({ sub: "ann", role: "viewer" })
      .setProtectedHeader({ alg: "HS256" })
      .setAudience(audience)
      .setExpirationTime("1 minute")
      .sign(Buffer.from(secret));
  const [token, other] = [await sign("sluice"), await sign("somebody else")];
  expect([await statusOf(0, token), await statusOf(1, token)]).toEqual([200, 200]);
  expect([await statusOf(0, other), await statusOf(0, fleet.key)]).toEqual([401, 401]);
}, 30_000);
