import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../package.json";
import { createControlPlane } from "./admin/control-plane.ts";
import type { AdminDeps } from "./admin/deps.ts";
import { createApp } from "./app.ts";
import { ensureAdminKey } from "./auth/admin-key.ts";
import { ensureDemo } from "./auth/demo.ts";
import { createKeyDirectory } from "./auth/key-directory.ts";
import { createKeyMint } from "./auth/key-mint.ts";
import { openOperatorAccess, type TokenSettings } from "./auth/open.ts";
import { createCel } from "./cel/cel.ts";
import type { Config } from "./config.ts";
import type { ChangedSubjects, Changes } from "./core/changes.ts";
import type { Readiness } from "./core/health.ts";
import type { KeyCache } from "./core/keys.ts";
import type { Clock, Logger } from "./core/ports.ts";
import type { RecordSink } from "./core/records.ts";
import type { Revisions } from "./core/revisions.ts";
import type { Setting } from "./core/status.ts";
import { createHealth } from "./edge/health.ts";
import { listen } from "./edge/listen.ts";
import { type CertificateKeeper, keepCertificate } from "./edge/tls.ts";
import { createDryRuns } from "./gateway/dry-run.ts";
import { createEvaluator } from "./gateway/evaluator.ts";
import { needsCounting } from "./gateway/facts.ts";
import { createGateway } from "./gateway/gateway.ts";
import { createCalendar } from "./limits/calendar.ts";
import { createMemoryCounters } from "./limits/memory.ts";
import { createCandidates } from "./policy/candidates.ts";
import { createOverlayKeeper, type OverlayKeeper } from "./policy/control.ts";
import { createPolicyDirectory } from "./policy/directory.ts";
import { createExplainer } from "./policy/explainer.ts";
import { describeInterventions } from "./policy/interventions.ts";
import { createOverlayArchive } from "./policy/overlay-archive.ts";
import { createRevisionDirectory } from "./policy/revision-directory.ts";
import { createRevisionStore } from "./policy/revisions.ts";
import { createPolicyService, type PolicyService } from "./policy/service.ts";
import { shareRevisions } from "./policy/shared-revisions.ts";
import { describeStatus, describeWarnings } from "./policy/status.ts";
import { createEcho } from "./providers/echo/echo.ts";
import { wireFormats } from "./providers/formats.ts";
import { unknownFields } from "./providers/known-fields.ts";
import { createActivity } from "./records/activity.ts";
import { anchorAudit, createAuditAnchor } from "./records/audit-anchor.ts";
import { createLiveSources } from "./records/live-sources.ts";
import { createRecorder } from "./records/recorder.ts";
import { createRetention } from "./records/retention.ts";
import { discoverPlugins } from "./registry/registry.ts";
import { configuredLocation } from "./store/location.ts";
import { openStore } from "./store/store.ts";
import { createLogger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import type { SpanExporter, Tracing } from "./telemetry/tracing.ts";
import { createTokenCounter } from "./tokens/counter.ts";
import { modelNames, unpricedModels } from "./upstream/catalogue.ts";
import { createTransport } from "./upstream/fetch.ts";
import { createModelDirectory, type LiveModels } from "./upstream/model-directory.ts";
import { upstreamSettings } from "./upstream/settings.ts";
import { createUpstream } from "./upstream/upstream.ts";

/** Answers whose last byte was handed over may still be on their way out. */
const connectionGraceMs = 500;

/** How long the last traces may take to be exported. */
const lastTracesMs = 2000;

/** How long the calls that are cut off at the end may take to be counted and closed. */
const cutOffMs = 3000;

/** A Sluice that listens. */
export interface Running {
  /** `http://HOST:PORT`, with the port it really listens on. */
  readonly url: string;
  readonly adminKey: string;
  /** Whether the admin key was made at this start. */
  readonly adminKeyCreated: boolean;
  /** The demo application's key, at the first start only; empty afterwards. */
  readonly demoKey: string;
  readonly readiness: () => Readiness;
  /**
   * Stops accepting, lets running answers and streams finish for at most so long, stores what is left to store.
   * Answers whether all calls had ended by themselves.
   */
  close(graceMs?: number): Promise<boolean>;
}

/** Parts that a test may put in the place of usual ones. */
export interface Replaced {
  /** Takes the traces, whether or not a collector is configured. */
  readonly spanExporter?: SpanExporter;
  /** Takes the records of calls. */
  readonly records?: RecordSink;
  /** Sends requests to providers. */
  readonly fetch?: typeof fetch;
}

/**
 * The composition root: makes every part from the configuration, joins them and listens.
 *
 * @throws when a part cannot be made (a database that does not open, a plugin that is refused); nothing listens then
 */
export async function startSluice(config: Config, replaced: Replaced = {}): Promise<Running> {
  const clock: Clock = Date;
  const startedAt = clock.now();
  const { values } = config;
  const logger = createLogger({ level: values.log_level, secrets: config.secrets() });
  for (const warning of config.warnings) logger.warn({}, warning);
  // Only the owner may read what is kept: records and the admin key.
  mkdirSync(values.data_dir, { recursive: true, mode: 0o700 });

  // First: what cannot listen shall make nothing.
  const certificate = openCertificate(values.tls, clock, logger);
  const registry = await discoverPlugins(values.plugins_dir);
  const store = await openStore({ ...configuredLocation(values), clock });
  const audit = anchorAudit(store.audit, createAuditAnchor(join(values.data_dir, "audit-head")), logger);
  const { redis_url: redisUrl, redis } = values;
  const activity = createActivity({ logger, onWanted: (wanted) => live.follow(wanted) });
  const recorder = createRecorder({
    sink: replaced.records ?? store.records,
    retryMs: values.record_retry_seconds * 1000,
    logger,
    activity,
  });
  const metrics = createMetrics({
    dropped: () => ({ ...recorder.dropped, trace: tracing?.dropped ?? 0 }),
    caches: () => ({ keys: keys.lookups, rules: policies.live.lookups, tokens: tokens.stats }),
    targets: () => upstream.status(),
    replicas: () => shared?.health().replicas ?? null,
  });
  // Loaded only where it is used: what is not configured costs nothing.
  const signals =
    redisUrl === undefined
      ? undefined
      : (await import("./limits/redis/signals.ts")).openRedisSignals({ url: redisUrl, logger });
  // Before anything is read that another replica could change meanwhile.
  const changes = await store.follow({
    logger,
    metrics,
    pollMs: values.replicas.poll_seconds * 1000,
    signals,
  });
  const checkSecret = await store.sharedSecret("gateway-keys");
  const mint = createKeyMint({ keys: store.keys, clock, checkSecret });
  const keys = createKeyDirectory({ keys: store.keys, clock, logger, checkSecret });
  const adminKey = await ensureAdminKey(values.data_dir, values.admin_key);
  logger.conceal(adminKey.key);
  const access = await openOperatorAccess({
    keys: store.adminKeys,
    checkSecret: await store.sharedSecret("admin-keys"),
    adminKey: adminKey.key,
    failedAttemptsPerMinute: values.admin.failed_attempts_per_minute,
    tokens: toTokenSettings(values),
    clock,
    logger,
  });
  const demo = await ensureDemo({ applications: store.applications, mint });

  const models = await createModelDirectory(values, { states: store.modelStates, models: store.databaseModels });
  const { catalogue } = models;
  const deployment = {
    headers: values.policy_headers,
    // Read at each load of policies: models come and go.
    get models() {
      return modelNames(models.options());
    },
    get unpriced() {
      return unpricedModels(models.options());
    },
  };
  const loading = { dir: values.policies_dir, registry, cel: createCel(), allowEmpty: values.allow_empty, deployment };
  const ownRevisions = createRevisionStore({ dataDir: values.data_dir, policiesDir: values.policies_dir, clock });
  // Processes that share a SQLite file share its folder, and with it the pin.
  const revisions =
    values.database_url === undefined
      ? ownRevisions
      : shareRevisions(ownRevisions, store.sharedPin, values.policies_dir);
  const overlay = await createOverlayKeeper({
    store: store.policyStore,
    clock,
    logger,
    onExpired: metrics.expired,
    onOverlay: metrics.overlay,
  });
  const overlays = createOverlayArchive({ dataDir: values.data_dir });
  // Once everything is there; a set that is loaded before does not count.
  let warmTokens = (): void => undefined;
  const policies = await createPolicyService({
    ...loading,
    logger,
    clock,
    revisions,
    overlays,
    overlay: overlay.overlay,
    onReload(event) {
      metrics.policyLoad(event);
      const { result, revision, problems } = event;
      const shown = problems.map(({ code, file, line, column, message }) => ({ code, file, line, column, message }));
      activity.tell({ kind: "policies", at: clock.now(), load: { result, revision, problems: shown } });
      warmTokens();
    },
    onStatus: metrics.policyStatus,
  });
  const explainer = createExplainer({ service: policies, revisions, overlays, loading, logger });
  overlay.follow(policies);
  await overlay.sweep();
  obeyChanges(changes, { keys, models, overlay, policies });
  const tokens = createTokenCounter();
  const shared =
    redisUrl === undefined
      ? undefined
      : await (await import("./limits/redis/open.ts")).openRedisCounters({
          url: redisUrl,
          commandTimeoutMs: redis.command_timeout_seconds * 1000,
          breaker: { enabled: redis.circuit_breaker_enabled, openMs: redis.breaker_open_seconds * 1000 },
          holdSeconds: redis.hold_seconds,
          clock,
          logger,
          metrics,
        });
  const counters = shared ?? createMemoryCounters({ clock });
  const echo = createEcho();
  const http = createTransport(replaced.fetch);
  const upstream = createUpstream({
    transport: (request) => (request.target.kind === "echo" ? echo(request) : http(request)),
    maxAnswerBytes: values.max_answer_bytes,
    settingsOf: (provider) => upstreamSettings(values.upstream, values.providers.get(provider)),
    metrics,
    clock,
  });
  let closing = false;

  const health = createHealth({
    version,
    startedAt,
    clock,
    closing: () => closing,
    policies: () => describeStatus(policies.status()),
    database: store.health,
    redis: () => shared?.health(),
    replicas: changes.health,
    targets: upstream.status,
    recorder,
    certificate: () => certificate?.health(),
    notes: () => [...describeWarnings(policies.status()), ...describeInterventions(overlay.overlay(), clock.now())],
  });
  const { readiness } = health;

  const live = createLiveSources({ activity, audit, readiness, clock, logger });

  const tracing = await openTracing(values.tracing, logger, replaced.spanExporter);
  const gateway = createGateway({
    formats: wireFormats,
    unknownFields,
    live: policies.live,
    notReady: () => (policies.status().state === "invalid" ? "its policies were refused" : ""),
    keys,
    catalogue,
    tokens,
    counters,
    recorder,
    upstream,
    clock,
    metrics,
    tracer: tracing,
    logger,
    maxBodyBytes: values.max_body_bytes,
    maxAnswerBytes: values.max_answer_bytes,
    policyHeaders: values.policy_headers,
    recordedShare: values.record_facts_percent / 100,
  });

  const retention = createRetention({
    purge: store.purge,
    days: {
      decisions: values.retention.decision_days,
      usage: values.retention.usage_days,
      rollups: values.retention.rollup_days,
    },
    clock,
    logger,
  });
  void retention.run();
  const control: AdminDeps = {
    trustedProxies: values.trusted_proxies,
    clock,
    logger,
    operators: access.operators,
    adminKeys: store.adminKeys,
    adminKeyMint: access.mint,
    flushAdminKeys: access.flush,
    organisations: store.organisations,
    teams: store.teams,
    applications: store.applications,
    environments: store.environments,
    keys: store.keys,
    idempotency: store.idempotency,
    mint,
    keyCache: keys,
    models,
    targets: () => upstream.status(),
    policies: createPolicyDirectory(policies, loading, registry.describe),
    policyControl: overlay,
    policyStore: store.policyStore,
    revisions: tellActivations(
      createRevisionDirectory(policies, revisions, { onErrorOf: (type) => registry.get(type)?.onError }),
      changes,
    ),
    counters,
    windowOf: createCalendar(),
    trail: store.trail,
    audit,
    retention,
    usage: store.usage,
    decisions: store.decisions,
    activity,
    explanations: explainer,
    overrideUses: metrics.overrideUses,
    dryRuns: createDryRuns({
      formats: wireFormats,
      live: policies.live,
      catalogue,
      tokens,
      clock,
      policyHeaders: values.policy_headers,
    }),
    evaluations: createEvaluator({
      formats: wireFormats,
      unknownFields,
      live: policies.live,
      catalogue,
      tokens,
      clock,
      policyHeaders: values.policy_headers,
      maxBodyBytes: values.max_body_bytes,
      counters,
      windowOf: createCalendar(),
    }),
    candidates: createCandidates({ service: policies, loading, logger }),
    recorder,
    status: health.status,
    settings: () => config.describe().map(toSetting),
  };
  const admin = createControlPlane(control, version);
  const app = createApp({
    formats: wireFormats,
    gateway,
    catalogue,
    keys,
    readiness: health.outline,
    metrics,
    admin,
    logger,
    trustedProxies: values.trusted_proxies,
  });
  const listener = listen(app, { hostname: values.host, port: values.port, certificate: certificate?.current });
  certificate?.onRenewed(listener.renew);
  const host = values.host.includes(":") ? `[${values.host}]` : values.host;
  // In the background: the first request may come before the encodings are there, and then waits for them. Where no policy
  // reads a count, their 40 MB and the thread that holds them are spared until some answer has to be counted.
  warmTokens = () => {
    if (closing || !needsCounting(policies.live.current.policies)) return;
    tokens.warm(["o200k_base"]).catch((error: unknown) => logger.warn({ err: error }, "the token counter is not warm"));
  };
  warmTokens();

  return {
    url: `${certificate === undefined ? "http" : "https"}://${host}:${listener.port}`,
    adminKey: adminKey.key,
    adminKeyCreated: adminKey.created,
    demoKey: demo.created ? demo.key : "",
    readiness,
    async close(graceMs = values.shutdown_grace_seconds * 1000) {
      closing = true;
      // Their streams would otherwise run for as long as anybody follows.
      activity.close();
      live.close();
      // Resolves when the last connection is idle; what runs on after the grace is cut off below.
      certificate?.close();
      const stopped = listener.stop();
      const drained = await gateway.drain(graceMs);
      await Promise.race([stopped, Bun.sleep(drained ? connectionGraceMs : 0)]);
      await listener.stop(true);
      // Calls that were cut off end now, and have rows too.
      await gateway.drain(cutOffMs);
      gateway.close();
      await changes.close();
      upstream.close();
      await overlay.close();
      await policies.close();
      await explainer.close();
      await retention.close();
      await recorder.close();
      await tracing?.close(lastTracesMs);
      await keys.close();
      await access.close();
      tokens.close();
      await counters.close();
      await audit.settled();
      await store.close();
      return drained;
    },
  };
}

/** What traces calls; `undefined` while nobody takes traces. Loaded only where it is used: its SDK is large. */
async function openTracing(
  { endpoint, headers, ...settings }: Config["values"]["tracing"],
  logger: Logger,
  spanExporter: SpanExporter | undefined,
): Promise<Tracing | undefined> {
  if (endpoint === undefined && spanExporter === undefined) return undefined;
  const { createTracing } = await import("./telemetry/tracing.ts");
  const exporter =
    spanExporter ??
    (await import("./telemetry/otlp.ts")).createOtlpExporter({
      endpoint: endpoint!,
      headers,
      timeoutMs: settings.export_timeout_seconds * 1000,
    });
  return createTracing({
    exporter,
    serviceName: settings.service_name,
    serviceVersion: version,
    sampledShare: settings.sample_percent / 100,
    maxSpans: settings.max_spans,
    delayMs: settings.delay_seconds * 1000,
    logger,
  });
}

function toTokenSettings({ jwt, jwks }: Config["values"]): TokenSettings {
  return {
    secret: jwt.secret,
    jwksUrl: jwks.url,
    jwksTimeoutMs: Math.ceil(jwks.timeout_seconds * 1000),
    jwksMaxAgeMs: jwks.max_age_seconds * 1000,
    issuer: jwt.issuer,
    audience: jwt.audience,
    claims: { roles: jwt.roles_claim, scopes: jwt.scopes_claim, organisation: jwt.organisation_claim },
    organisationRequired: jwt.organisation_required,
  };
}

/** The certificate that is served; `undefined` for plain HTTP. */
function openCertificate(
  { cert_file: certFile, key_file: keyFile }: Config["values"]["tls"],
  clock: Clock,
  logger: Logger,
): CertificateKeeper | undefined {
  if (certFile === undefined || keyFile === undefined) return undefined;
  return keepCertificate({ certFile, keyFile, clock, logger });
}

/** What the changes of other replicas come to in this one. */
function obeyChanges(
  changes: Changes,
  parts: {
    readonly keys: KeyCache;
    readonly models: Pick<LiveModels, "reload">;
    readonly overlay: Pick<OverlayKeeper, "reload">;
    readonly policies: Pick<PolicyService, "followPin">;
  },
): void {
  const { keys, models, overlay, policies } = parts;
  const each = (forget: (id: string) => void) => (subjects: ChangedSubjects) =>
    subjects === null ? keys.invalidate() : subjects.forEach(forget);
  changes.subscribe("key", each(keys.invalidate));
  changes.subscribe("application", each(keys.invalidateApplication));
  changes.subscribe("organisation", each(keys.invalidateOrganisation));
  changes.subscribe("model", models.reload);
  changes.subscribe("policy", overlay.reload);
  changes.subscribe("revision", async () => void (await policies.followPin()));
}

/** The pin is a file of the data directory: that it changed is announced once it is written. */
function tellActivations(revisions: Revisions, changes: Changes): Revisions {
  return {
    ...revisions,
    async activate(id, by) {
      const state = await revisions.activate(id, by);
      await changes.publish("revision", state.pin?.revision ?? "");
      return state;
    },
  };
}

/** A configured setting as the admin API shows it. */
function toSetting({ key, value, origin, secret, doc }: ReturnType<Config["describe"]>[number]): Setting {
  return { name: key, value, source: origin, secret, description: doc };
}
