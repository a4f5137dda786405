import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Elysia } from "elysia";
import { ensureAdminKey } from "../auth/admin-key.ts";
import { createKeyDirectory } from "../auth/key-directory.ts";
import { createKeyMint } from "../auth/key-mint.ts";
import { type OperatorAccessOptions, openOperatorAccess } from "../auth/open.ts";
import type { Counters } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { PolicyDirectory } from "../core/policy-directory.ts";
import type { TargetStatus, TokenCounter } from "../core/ports.ts";
import { Snapshot } from "../core/snapshot.ts";
import type { Setting } from "../core/status.ts";
import { createDryRuns } from "../gateway/dry-run.ts";
import { createEvaluator } from "../gateway/evaluator.ts";
import { createCalendar } from "../limits/calendar.ts";
import { createMemoryCounters } from "../limits/memory.ts";
import { createCandidates } from "../policy/candidates.ts";
import { createOverlayKeeper } from "../policy/control.ts";
import { createPolicyDirectory } from "../policy/directory.ts";
import { createExplainer } from "../policy/explainer.ts";
import { createOverlayArchive } from "../policy/overlay-archive.ts";
import { createRevisionDirectory } from "../policy/revision-directory.ts";
import { createRevisionStore } from "../policy/revisions.ts";
import { createPolicyService } from "../policy/service.ts";
import { testFolder, testOptions, testRegistry } from "../policy/testing.ts";
import { wireFormats } from "../providers/formats.ts";
import { unknownFields } from "../providers/known-fields.ts";
import { createActivity } from "../records/activity.ts";
import { createLiveSources } from "../records/live-sources.ts";
import { createRecorder } from "../records/recorder.ts";
import { createRetention } from "../records/retention.ts";
import { openStore } from "../store/store.ts";
import { createTestLogger, TestClock, testStart } from "../store/testing.ts";
import type { CatalogueOptions, ProviderConfig } from "../upstream/catalogue.ts";
import { createModelDirectory } from "../upstream/model-directory.ts";
import { createControlPlane } from "./control-plane.ts";
import type { AdminDeps } from "./deps.ts";

/** What the configuration of a deployment says of providers and models. */
const routing: CatalogueOptions = {
  providers: new Map<string, ProviderConfig>([
    ["openai", { kind: "openai", api_key: "sk-provider-secret", base_url: "https://provider.invalid/v1" }],
    ["azure-eu", { kind: "azure", api_key: "sk-provider-secret", base_url: "https://azure.invalid" }],
    ["groq", { kind: "openai", api_key: "sk-provider-secret", base_url: "https://groq.invalid/v1" }],
  ]),
  models: new Map([["meta/llama-3", { targets: [{ provider: "groq", model: "llama-3" }], unpriced: "ok" }]]),
};

/** A policy that is live in the tests. */
export function testPolicy(id: string, scope: CompiledPolicy["scope"]): CompiledPolicy {
  return {
    id,
    description: `The policy ${id}.`,
    mode: "enforce",
    onError: "deny",
    priority: 100,
    scope,
    uses: "rules",
    reads: ["request.bytes"],
    evaluate: { request: () => null },
  };
}

const livePolicies = [
  testPolicy("org/everyone", {}),
  testPolicy("org/prod-only", { env: ["prod"] }),
  testPolicy("org/claude", { models: ["claude-*"] }),
  testPolicy("org/not-batch", { except: { apps: ["batch"] } }),
  testPolicy("apps/chat/own", { apps: ["chat"] }),
];

const settings: readonly Setting[] = [
  { name: "SLUICE_PORT", value: 8787, source: "default", secret: false, description: "Port to listen on." },
  {
    name: "OPENAI_API_KEY",
    value: "sk-openai",
    source: "env OPENAI_API_KEY",
    secret: true,
    description: "OpenAI's key.",
  },
];

/** Counts ten tokens whatever is counted. */
const tenTokens: TokenCounter = {
  countPrompt: () => ({ tokens: 10, exact: true }),
  countText: () => ({ tokens: 10, exact: true }),
  promptBound: () => 100,
  close: () => undefined,
};

/** A policy set that stands still. */
function fixedPolicies(snapshot: Snapshot, validateCel: PolicyDirectory["validateCel"]): PolicyDirectory {
  return {
    validateCel,
    snapshot: () => snapshot,
    source: (id) => ({ path: `${id}.policy.yaml`, text: `description: The policy ${id}.\n`, owner: "platform" }),
    state: () => ({
      revision: snapshot.revision,
      loadedAt: testStart,
      state: "ready",
      problems: [],
      warnings: [],
      files: snapshot.revision,
      origin: "folder",
      pin: null,
      waiting: null,
    }),
    types: () => [
      {
        name: "request_size",
        summary: "Refuses large bodies.",
        phases: ["request"],
        onError: "deny",
        config: { type: "object" },
        reads: ["request.bytes"],
        provides: [],
        reasons: { tooLarge: { code: "too_large", status: 413, message: "{bytes} is too large." } },
        examples: [{ max_request_bytes: 1000 }],
        docs: "## request_size",
      },
    ],
    validate: (content, file) =>
      content.includes("bad")
        ? [{ code: "C002", file, line: 1, column: 2, message: "unknown name" }]
        : content.includes("odd")
          ? [{ code: "C073", file, line: 1, column: 2, message: "not used", severity: "warning" }]
          : [],
  };
}

/**
 * The control plane over a real SQLite file, with everything a test looks at. Dispose it when done.
 *
 * @param policyFiles what the policies folder holds; the live policies are then those of the folder
 * @param accessOptions how operators get in, where it is not by the key in the data directory alone
 */
export async function startTestAdmin(
  policyFiles?: Readonly<Record<string, string>>,
  accessOptions: Partial<Pick<OperatorAccessOptions, "tokens" | "failedAttemptsPerMinute" | "adminKey">> = {},
) {
  const folder = await mkdtemp(join(tmpdir(), "sluice-admin-"));
  const clock = new TestClock();
  const logger = createTestLogger();
  const path = join(folder, "sluice.db");
  // Long enough for any change here, and not too long for tests that keep the file to themselves.
  const store = await openStore({ path, clock, turnTimeoutMs: 500 });
  const checkSecret = await store.sharedSecret("gateway-keys");
  const mint = createKeyMint({ keys: store.keys, clock, checkSecret });
  const directory = createKeyDirectory({ keys: store.keys, clock, logger, checkSecret });
  const activity = createActivity({ logger, onWanted: (wanted) => live.follow(wanted) });
  const live = createLiveSources({
    activity,
    audit: store.audit,
    readiness: () => ({ status: "ready", parts: [] }),
    clock,
    logger,
    pollMs: 5,
  });
  const retention = createRetention({
    purge: store.purge,
    days: { decisions: 90, usage: 400, rollups: 0 },
    clock,
    logger,
    pause: () => Promise.resolve(),
  });
  const recorder = createRecorder({ sink: store.records, logger, activity });
  const { key: adminKey } = await ensureAdminKey(folder);
  const access = await openOperatorAccess({
    keys: store.adminKeys,
    checkSecret: await store.sharedSecret("admin-keys"),
    adminKey,
    // Tests fail on purpose, and often.
    failedAttemptsPerMinute: 1_000_000,
    clock,
    logger,
    ...accessOptions,
  });
  const counters: Counters = createMemoryCounters({ clock });
  const snapshot = new Snapshot("sha256:test", livePolicies);
  const overlay = await createOverlayKeeper({ store: store.policyStore, clock, logger });
  const files = await testFolder(policyFiles ?? { "org/first.policy.yaml": "rules: [{ id: a, then: warn }]\n" });
  const loading = testOptions(files.dir);
  const kept = createRevisionStore({ dataDir: join(files.dir, "../data"), policiesDir: files.dir, clock });
  const overlays = createOverlayArchive({ dataDir: join(files.dir, "../data") });
  const service = await createPolicyService({
    ...loading,
    logger,
    clock,
    revisions: kept,
    overlays,
    watch: false,
    overlay: overlay.overlay,
  });
  overlay.follow(service);
  const ofFolder = createPolicyDirectory(service, loading, testRegistry.describe);
  const models = await createModelDirectory(routing, { states: store.modelStates, models: store.databaseModels });
  const targetStates: TargetStatus[] = [];
  const deps: AdminDeps = {
    ...store,
    clock,
    logger,
    trustedProxies: [],
    operators: access.operators,
    adminKeyMint: access.mint,
    flushAdminKeys: access.flush,
    mint,
    keyCache: directory,
    models,
    targets: () => targetStates,
    counters,
    windowOf: createCalendar(),
    recorder,
    retention,
    activity,
    heartbeatMs: 20,
    policyControl: overlay,
    policies: policyFiles === undefined ? fixedPolicies(snapshot, ofFolder.validateCel) : ofFolder,
    explanations: createExplainer({ service, revisions: kept, overlays, loading, logger }),
    overrideUses: (override) => (override === "exception:org/batch" ? 3 : 0),
    dryRuns: createDryRuns({
      formats: wireFormats,
      live: service.live,
      catalogue: models.catalogue,
      tokens: tenTokens,
      clock,
      policyHeaders: ["x-plan"],
    }),
    evaluations: createEvaluator({
      formats: wireFormats,
      unknownFields,
      live: service.live,
      catalogue: models.catalogue,
      tokens: tenTokens,
      clock,
      policyHeaders: ["x-plan"],
      maxBodyBytes: 1_000_000,
      counters,
      windowOf: createCalendar(),
    }),
    candidates: createCandidates({ service, loading, logger }),
    revisions: createRevisionDirectory(service, kept, { onErrorOf: () => undefined }),
    status: () => ({
      status: "ready",
      version: "0.1.0",
      startedAt: testStart - 60_500,
      replicas: 3,
      parts: [{ name: "policies", state: "ready", detail: "" }],
    }),
    settings: () => settings,
  };
  // As the application does: routes and error handlers of its own around the control plane.
  const app = new Elysia()
    .onError(() => new Response("outer", { status: 599 }))
    .get("/plain", () => "plain")
    .use(createControlPlane(deps, "0.1.0"));

  const call = async (method: string, route: string, options: CallOptions = {}) => {
    const { body, key = adminKey, headers = {} } = options;
    const answer = await app.handle(
      new Request(`http://localhost${route}`, {
        method,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    const type = answer.headers.get("content-type") ?? "";
    return { status: answer.status, headers: answer.headers, text, type, json: () => JSON.parse(text) };
  };

  return {
    folder,
    path,
    clock,
    logger,
    store,
    mint,
    directory,
    recorder,
    activity,
    counters,
    adminKey,
    app,
    call,
    models,
    /** How targets are that were asked; to be filled by tests. */
    targetStates,
    /** The policies folder that the revisions come from, and the service that loads it. */
    files,
    service,
    overlay,
    async [Symbol.asyncDispose]() {
      activity.close();
      live.close();
      await overlay.close();
      await service.close();
      await files[Symbol.asyncDispose]();
      await directory.close();
      await access.close();
      await retention.close();
      await recorder.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a call sends besides method and path; `key: null` sends no credential. */
export interface CallOptions {
  readonly body?: unknown;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}
