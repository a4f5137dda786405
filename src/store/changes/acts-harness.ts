/** For end-to-end tests and the soak: what operators do on one replica, and how another one shows that it obeys. */
import { type Fleet, type Replica, startFleet } from "./fleet-harness.ts";

const tunable = `description: A cap.
params:
  cap: { type: int, default: 1000000, min: 10, max: 2000000, tunable: true }
rules:
  - { id: over, when: request.bytes > params.cap, then: deny, code: over_cap }
`;
const limited = `description: Three a month.
scope: { models: [gpt-4.1-nano] }
uses: rate_limit
with: { per: [app], windows: [{ every: month, requests: 3, tokens: 100000 }] }
`;
const unbound = `description: Refuses whom it is attached to.
scope: { apps: [nobody] }
rules: [{ then: deny, code: bound }]
`;

/** One thing that an operator does on one replica, and how another one that obeys it answers. */
export interface Act {
  readonly name: string;
  readonly make: (a: Replica, fleet: Fleet) => Promise<unknown>;
  readonly obeyed: (other: Replica, fleet: Fleet) => Promise<boolean>;
  /** Takes it back; the same must be obeyed of that. */
  readonly undo: (a: Replica, fleet: Fleet) => Promise<unknown>;
}

/** The code of the refusal that the demo application gets, or the status of its answer. */
export async function answers(replica: Replica, fleet: Fleet): Promise<string | number> {
  const { status, code } = await replica.ask(fleet.key);
  return code ?? status;
}

/** What is refused with a code, everywhere, to the demo application. */
const refusing = (name: string, code: string, make: Act["make"], undo: Act["undo"]): Act => ({
  name,
  make,
  undo,
  obeyed: async (other, fleet) => (await answers(other, fleet)) === code,
});

const binding = { policy: "org/unbound" };
/** What begins for ten minutes. */
export const ttl = { reason: "a test", ttl_seconds: 600 };
/** Each is taken back by its `undo`, so that they can be repeated. */
export const acts: readonly Act[] = [
  refusing(
    "an application paused",
    "application_paused",
    (a) => a.admin("PATCH", "applications/demo", { disabled: true }),
    (a) => a.admin("PATCH", "applications/demo", { disabled: false }),
  ),
  refusing(
    "an environment paused",
    "environment_paused",
    (a) => a.admin("PUT", "applications/demo/configs/dev", { disabled: true }),
    (a) => a.admin("DELETE", "applications/demo/configs/dev"),
  ),
  refusing(
    "a model switched off",
    "model_not_found",
    (a) => a.admin("POST", "models/gpt-4o/disable", { reason: "a test" }),
    (a) => a.admin("POST", "models/gpt-4o/enable"),
  ),
  {
    name: "a model made",
    make: (a) => a.admin("POST", "models", { id: "made", targets: [{ provider: "echo", model: "echo" }] }),
    undo: (a) => a.admin("DELETE", "models/made"),
    obeyed: async (other, fleet) =>
      (await other.get("/v1/models", fleet.key)).json.data.some((model: { id: string }) => model.id === "made"),
  },
  refusing(
    "a policy made",
    "made",
    (a) => a.admin("POST", "policies", { id: "db/made", content: "rules: [{ then: deny, code: made }]\n" }),
    (a) => a.admin("DELETE", "policies/db/made"),
  ),
  refusing(
    "a policy bound",
    "bound",
    (a) => a.admin("POST", "applications/demo/policies", binding),
    (a) => a.admin("DELETE", "applications/demo/policies/org/unbound"),
  ),
  refusing(
    "a param tuned",
    "over_cap",
    (a) => a.admin("PUT", "policies/org/cap/params", { params: { cap: 10 } }),
    (a) => a.admin("PUT", "policies/org/cap/params", { params: {} }),
  ),
  refusing(
    "maintenance",
    "maintenance",
    (a) => a.admin("PUT", "maintenance", ttl),
    (a) => a.admin("DELETE", "maintenance"),
  ),
];

/** How many milliseconds after A's answer every other replica had obeyed. */
export async function delayOf(fleet: Fleet, act: Act["make"], obeyed: Act["obeyed"]): Promise<number> {
  const [a, ...others] = fleet.replicas;
  const answer = (await act(a!, fleet)) as { status: number; json: unknown };
  const from = performance.now();
  if (answer.status >= 300) throw new Error(`the change was refused: ${JSON.stringify(answer)}`);
  if (!(await obeyed(a!, fleet))) throw new Error("who made the change does not obey it");
  const delays = others.map(async (other) => {
    while (!(await obeyed(other, fleet))) await Bun.sleep(1);
    return performance.now() - from;
  });
  return Math.max(...(await Promise.all(delays)));
}

/** Nothing keeps the demo application from being answered. */
export const passes: Act["obeyed"] = async (other, fleet) => (await answers(other, fleet)) === 200;

/** Starts three processes with the policies that the acts need. */
export async function startThree(...flags: readonly string[]): Promise<Fleet> {
  const fleet = await startFleet(3, ...flags);
  fleet.writePolicy("org/cap.policy.yaml", tunable);
  fleet.writePolicy("org/unbound.policy.yaml", unbound);
  fleet.writePolicy("org/limited.policy.yaml", limited);
  for (const replica of fleet.replicas) {
    for (;;) {
      const { json } = await replica.admin("GET", "policies");
      if (json.data.length >= 4) break;
      await Bun.sleep(5);
    }
    const { status } = await replica.ask(fleet.key);
    if (status !== 200) throw new Error(`a call that nothing refuses got ${status}`);
  }
  return fleet;
}
