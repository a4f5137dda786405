import type { startWorld } from "../../../src/admin/testing-world.ts";
import { decisionIdOf } from "../../../src/core/decision.ts";
import { adminScopes, type Role, roles } from "../../../src/core/operators.ts";
import { append, decisionRow, usageRow } from "../../../src/store/testing.ts";

/** A control plane with what the examples of its document speak of. */
export type World = Awaited<ReturnType<typeof startWorld>>;

/** An organisation with something of every kind in it. */
export interface Tenant {
  /** Its id. */
  readonly organisation: string;
  /** Stands in every name and text that is its own, and in nothing else. */
  readonly mark: string;
  /** What it has in the place of what examples name. */
  readonly instead: ReadonlyMap<string, string>;
  /** Ids that are its own; more are learned on the way. */
  readonly ids: string[];
  /** What its operators send. */
  readonly operators: readonly { readonly actor: string; readonly key: string }[];
}

/** A name that two organisations both use, for something of each. */
const shared = "shared-name";

/** Makes an organisation and fills it, as an operator of all organisations would. */
export async function createTenant({ admin }: World, mark: string): Promise<Tenant> {
  const make = async (path: string, body: object, method = "POST") => {
    const answer = await admin.call(method, `/admin/v1/${path}`, { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json() as { readonly id: string };
  };
  const labels = { secret: `${mark}-label` };
  const { id: organisation } = await make("organisations", { name: `${mark} corp`, labels });
  const { id: team } = await make("teams", { name: `${mark}-team`, organisation, labels });
  const { id: app } = await make("applications", { name: `${mark}-app`, organisation, team, labels });
  await make("applications", { name: shared, organisation, labels });
  const { id: key } = await make("keys", { application: app, name: `${mark}-key` });
  await make(`applications/${app}/policies`, { policy: "org/prod-token-cap" });
  await make("policies/org/prod-token-cap/params", { params: { hard_cap: 7000 }, application: app }, "PUT");
  const only = (scope: object) =>
    JSON.stringify({ description: `${mark} alone`, scope, rules: [{ id: mark, then: "warn" }] });
  const { id: policy } = await make("policies", { id: `db/${mark}`, content: only({ orgs: [organisation] }) });
  await make("policies", { id: `db/${mark}-app`, content: only({ apps: [app], except: { keys: [key] } }) });
  const { id: breakGlass } = await make("break-glass", {
    policy: "org/prod-token-cap",
    scope: { apps: [app] },
    reason: `${mark} incident`,
    ttl_seconds: 3600,
  });
  const { id: adminKey } = await make("admin-keys", { name: `${mark} dashboard`, role: "viewer", organisation });

  const requestId = `req_${mark}AAAAAAAAAAAAAA`.slice(0, 26);
  const row = { requestId, org: organisation, app, key };
  await append(admin.store, {
    usage: [usageRow({ ...row, team, userHash: `${mark}-user`, model: `${mark}-model` })],
    decisions: [decisionRow({ ...row, model: `${mark}-model` })],
  });
  const counter = `${organisation}|org/free-tier|day/usd|usd|day|app=${app}`;
  const limit = { key: counter, unit: "usd", window: { every: "day" }, max: 1_000_000, amount: 10 } as const;
  await admin.counters.reserve(mark, { id: organisation, timeZone: "UTC" }, [{ ...limit, onStoreDown: "local" }]);
  await admin.counters.settle(mark, { usd: 10 });

  const operators = await Promise.all(roles.map((role) => createOperator(admin, role, organisation)));
  const decision = decisionIdOf(requestId, "request");
  const instead = new Map([
    ["default", organisation],
    ["chat", app],
    ["growth", team],
    ["k3v9q0x2pzm7a1bc", key],
    ["q7d2m5x8k1pza4bc", adminKey],
    ["db/no-previews", policy],
    ["bg_019c13f0a5b87c2e9d4f6a1b3c5d7e9f", breakGlass],
    ["dec_AaH9HvRXdSKZHVNwBtviUA_request", decision],
    ["req_AaH9HvRXdSKZHVNwBtviUA", requestId],
    ["default|org/free-tier|day/usd|usd|day|app=chat", counter],
  ]);
  return { organisation, mark, instead, ids: [...instead.values()], operators };
}

async function createOperator(admin: World["admin"], role: Role, organisation: string) {
  const { id, key } = (
    await admin.call("POST", "/admin/v1/admin-keys", { body: { name: `the ${role}`, role, organisation } })
  ).json();
  return { actor: `admin-key:${id}`, key: String(key), isOwner: role === roles.at(-1), scopes: adminScopes };
}
