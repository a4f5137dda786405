import type { DryRuns } from "../core/explain.ts";
import { createLocalTime } from "../core/local-time.ts";
import { SluiceError } from "../errors.ts";
import { addContentFacts } from "./content-facts.ts";
import type { GatewayDeps } from "./deps.ts";
import { addTokenFacts, requestFacts } from "./facts.ts";

/** What dry runs need of the data plane. */
type DryRunDeps = Pick<GatewayDeps, "formats" | "live" | "catalogue" | "tokens" | "clock" | "policyHeaders">;

/** Finds out what rules would see of a request, as the data plane does, and goes no further: nothing is counted or sent. */
export function createDryRuns(deps: DryRunDeps): DryRuns {
  const { formats, live, catalogue, tokens, clock, policyHeaders } = deps;
  const localTime = createLocalTime();
  const encoder = new TextEncoder();

  return {
    async run({ surface, identity, headers, body }, use) {
      const format = formats.find((known) => known.surface === surface)!;
      // Where the path of a call names the model, the body does here.
      const { model } = Object(body) as { readonly model?: unknown };
      const named = typeof model === "string" ? model : undefined;
      const view = format.readRequest(encoder.encode(JSON.stringify(body)), "", named);
      const route = catalogue.resolve(view.model, surface);
      if (route === null) throw new SluiceError("model_not_found", { model: view.model });
      const snapshot = live.current;
      snapshot.enter();
      try {
        const rules = snapshot.rulesFor(identity, view.model, surface);
        const request = new Request("http://dry-run.invalid/");
        const sources = { requestId: "req_dry_run", now: clock.now(), identity, view, route, request, policyHeaders };
        const facts = requestFacts(
          { ...sources, headers: { ...headers }, addressOf: () => "", localTime },
          rules.reads,
        );
        const content = { texts: () => view.parts().flatMap(({ texts }) => texts) };
        if (rules.detectors.length > 0) await addContentFacts(facts, rules, content);
        // An upper bound would do to decide, and not to be shown.
        await addTokenFacts(facts, { ...rules, boundable: false }, view, route, tokens);
        return use({ snapshot, rules, facts, content });
      } finally {
        snapshot.leave();
      }
    },
  };
}
