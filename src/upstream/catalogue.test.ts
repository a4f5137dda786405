import { describe, expect, test } from "bun:test";
import type { Surface } from "../core/phases.ts";
import {
  type CatalogueOptions,
  createCatalogue,
  type ModelConfig,
  modelNames,
  type ProviderConfig,
  routingProblems,
  type TargetConfig,
  unpricedModels,
} from "./catalogue.ts";
import { assumedMaxOutput } from "./models.ts";

const openai: ProviderConfig = { kind: "openai", api_key: "sk-openai" };
const anthropic: ProviderConfig = { kind: "anthropic", api_key: "sk-anthropic" };

function options(
  providers: Record<string, ProviderConfig>,
  models: Record<string, readonly TargetConfig[]> = {},
): CatalogueOptions {
  return {
    providers: new Map(Object.entries(providers)),
    models: new Map(Object.entries(models).map(([name, targets]) => [name, { targets }])),
  };
}

describe("without a provider", () => {
  const catalogue = createCatalogue(options({}));

  test.each(["echo", "gpt-4o", "claude-sonnet-4-5", "anything"])(
    "%s goes to the simulated one, on every surface",
    (name) => {
      for (const surface of ["chat", "messages"] as const) {
        expect(catalogue.resolve(name, surface)?.target).toMatchObject({ provider: "echo", kind: "echo", model: name });
      }
    },
  );

  test("a known name keeps its price and encoding", () => {
    expect(catalogue.resolve("gpt-4o", "chat")?.model).toMatchObject({ encoding: "o200k_base", price: { input: 2.5 } });
  });

  test("an unknown name costs nothing, as the simulated model does", () => {
    expect(catalogue.resolve("anything", "chat")?.model).toMatchObject({
      id: "anything",
      price: { input: 0 },
      maxOutput: 4096,
    });
  });

  test("clients see the simulated model", () => {
    expect(catalogue.list()).toEqual([{ id: "echo", provider: "echo", enabled: true }]);
  });
});

describe("with providers", () => {
  const catalogue = createCatalogue(options({ openai, anthropic }));

  test.each([
    ["a model by its own name", "gpt-4o", "chat", "openai", "gpt-4o"],
    ["a dated snapshot", "gpt-4o-2024-08-06", "chat", "openai", "gpt-4o-2024-08-06"],
    ["a model of the family that is not listed", "gpt-99", "chat", "openai", "gpt-99"],
    ["another spelling, as the client wrote it", "GPT-4o", "chat", "openai", "GPT-4o"],
    ["a Claude model", "claude-sonnet-4-5", "messages", "anthropic", "claude-sonnet-4-5"],
    ["the simulated model", "echo", "messages", "echo", "echo"],
  ] as const)("%s is served", (_what, name, surface, provider, model) => {
    expect(catalogue.resolve(name, surface)?.target).toMatchObject({ provider, model });
  });

  test.each([
    ["a name that nobody serves", "no-such-model", "chat"],
    ["a model of a vendor that is not configured", "gemini-2.5-pro", "chat"],
    ["a Claude model on the chat surface", "claude-sonnet-4-5", "chat"],
    ["a GPT model on the messages surface", "gpt-4o", "messages"],
    ["a name of Object.prototype", "constructor", "chat"],
    ["a name longer than any", "x".repeat(10_000), "chat"],
  ] as const)("%s is not", (_what, name, surface) => {
    expect(catalogue.resolve(name, surface)).toBeNull();
    expect(catalogue.resolve(name, surface)).toBeNull();
  });

  test("the same name is the same route", () => {
    expect(catalogue.resolve("gpt-4o", "chat")).toBe(catalogue.resolve("gpt-4o", "chat")!);
  });

  test("credentials go where each vendor wants them", () => {
    expect(catalogue.resolve("gpt-4o", "chat")?.target.authHeaders).toEqual({ authorization: "Bearer sk-openai" });
    expect(catalogue.resolve("claude-opus-5", "messages")?.target.authHeaders).toEqual({ "x-api-key": "sk-anthropic" });
    expect(catalogue.resolve("echo", "chat")?.target.authHeaders).toEqual({});
  });

  test("clients see their models, and the simulated one", () => {
    const ids = catalogue.list().map((model) => model.id);
    expect(ids).toContain("gpt-4o");
    expect(ids).toContain("claude-sonnet-4-5");
    expect(ids).toContain("echo");
    expect(ids).not.toContain("gemini-2.5-pro");
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("a configured model", () => {
  const catalogue = createCatalogue(
    options(
      { openai, anthropic, groq: { kind: "openai", api_key: "gsk", base_url: "http://groq.test/openai/v1//" } },
      {
        fast: [{ provider: "openai", model: "gpt-4o-mini" }],
        both: [
          { provider: "anthropic", model: "claude-haiku-4-5" },
          { provider: "openai", model: "gpt-5-nano" },
        ],
        "gpt-4o": [{ provider: "groq", model: "openai/gpt-oss-20b" }],
        "in-house": [{ provider: "groq", model: "in-house-7b" }],
        demo: [{ provider: "echo", model: "demo" }],
      },
    ),
  );

  test("is what its target is", () => {
    const route = catalogue.resolve("fast", "chat");
    expect(route?.target.model).toBe("gpt-4o-mini");
    expect(route?.model).toMatchObject({ id: "gpt-4o-mini", price: { input: 0.15 } });
  });

  test("has a target for each surface", () => {
    expect(catalogue.resolve("both", "chat")?.target.provider).toBe("openai");
    expect(catalogue.resolve("both", "messages")?.target.provider).toBe("anthropic");
    expect(catalogue.resolve("fast", "messages")).toBeNull();
  });

  test("takes the place of a vendor's model of the same name", () => {
    const route = catalogue.resolve("gpt-4o", "chat");
    expect(route?.target).toMatchObject({ provider: "groq", baseUrl: "http://groq.test/openai/v1" });
    expect(route?.model).toMatchObject({ provider: "groq", price: { input: 0.075 } });
  });

  test("that nothing is known of has no price, and may answer at length", () => {
    const model = catalogue.resolve("in-house", "chat")?.model;
    expect(model).toEqual({
      id: "in-house-7b",
      provider: "groq",
      encoding: "none",
      maxOutput: assumedMaxOutput,
      price: null,
    });
  });

  test("of another host goes by the name it has there", () => {
    expect(catalogue.resolve("groq/llama-3.1-8b-instant", "chat")?.target.model).toBe("llama-3.1-8b-instant");
  });

  test("may be simulated", () => {
    expect(catalogue.resolve("demo", "messages")?.target).toMatchObject({ provider: "echo", model: "demo" });
  });

  test("comes first in what clients see", () => {
    expect(catalogue.list().slice(0, 2)).toEqual([
      { id: "fast", provider: "openai", enabled: true },
      { id: "both", provider: "anthropic", enabled: true },
    ]);
  });
});

describe("a model of several targets", () => {
  const random = { value: 0 };
  const { resolve } = createCatalogue({
    ...options(
      { openai, anthropic, groq: { kind: "openai", base_url: "http://groq.test/v1" } },
      {
        spread: [
          { provider: "openai", model: "gpt-4o", priority: 2 },
          { provider: "openai", model: "gpt-4o-mini", weight: 75 },
          { provider: "groq", model: "llama-3.1-8b-instant", weight: 25 },
          { provider: "anthropic", model: "claude-haiku-4-5" },
        ],
        alone: [{ provider: "groq", model: "x", reasoning: true }],
      },
    ),
    random: () => random.value,
  });
  const order = (value: number, surface: Surface = "chat") => {
    random.value = value;
    return resolve("spread", surface)?.targets.map(({ id }) => id);
  };

  test("goes to those that serve the surface, by priority, and by weight among those of one priority", () => {
    expect(order(0.74)).toEqual(["openai/gpt-4o-mini", "groq/llama-3.1-8b-instant", "openai/gpt-4o"]);
    expect(order(0.76)).toEqual(["groq/llama-3.1-8b-instant", "openai/gpt-4o-mini", "openai/gpt-4o"]);
    expect(order(0.5, "messages")).toEqual(["anthropic/claude-haiku-4-5"]);
    expect(order(0.5, "gemini")).toBeUndefined();
  });

  test("is what its first target is, and each of the others knows its own model", () => {
    random.value = 0.9;
    const route = resolve("spread", "chat");
    expect(route?.target).toBe(route!.targets[0]!);
    expect(route?.model).toMatchObject({ provider: "groq" });
    expect(route?.targets.map(({ info }) => info.price?.input)).toEqual([0.05, 0.15, 2.5]);
  });

  test("with one target on a surface is the same route for every call", () => {
    expect(resolve("alone", "chat")).toBe(resolve("alone", "chat")!);
    expect(resolve("alone", "chat")?.target).toMatchObject({ thinksLong: true });
  });
});

describe("names that nobody listed", () => {
  const { resolve } = createCatalogue(options({ openai, azure: { kind: "azure", base_url: "https://r.test" } }));
  const idOf = (name: string, surface: Surface) => resolve(name, surface)?.targets[0]?.id;

  test("share the provider's name in metrics: clients cannot make up more", () => {
    expect(idOf("gpt-4o", "chat")).toBe("openai/gpt-4o");
    expect(idOf("GPT-4o", "chat")).toBe("openai/gpt-4o");
    expect(idOf("gpt-99-made-up", "chat")).toBe("openai");
    expect(idOf("our-deployment", "azure-chat")).toBe("azure");
  });

  test("are deployments on Azure's paths, and nowhere else", () => {
    expect(resolve("our-deployment", "azure-embeddings")?.target).toMatchObject({
      provider: "azure",
      model: "our-deployment",
    });
    expect(resolve("our-deployment", "chat")).toBeNull();
  });
});

describe("the other kinds", () => {
  const catalogue = createCatalogue(
    options(
      {
        azure: { kind: "azure", api_key: "az", base_url: "https://r.openai.azure.com/", api_version: "2024-10-21" },
        gemini: { kind: "gemini", api_key: "gm" },
        cohere: { kind: "cohere", api_key: "co" },
      },
      { own: [{ provider: "azure", model: "our-gpt" }] },
    ),
  );

  test.each([
    ["own", "chat", "azure", "our-gpt", { "api-key": "az" }, "https://r.openai.azure.com"],
    ["gpt-4o", "azure-chat", "azure", "gpt-4o", { "api-key": "az" }, "https://r.openai.azure.com"],
    [
      "gemini-2.5-flash",
      "gemini",
      "gemini",
      "gemini-2.5-flash",
      { "x-goog-api-key": "gm" },
      "https://generativelanguage.googleapis.com",
    ],
    [
      "command-a-03-2025",
      "cohere",
      "cohere",
      "command-a-03-2025",
      { authorization: "Bearer co" },
      "https://api.cohere.com",
    ],
  ] as const)(
    "%s on %s is served with its key where its vendor wants it",
    (name, surface, provider, model, authHeaders, baseUrl) => {
      expect(catalogue.resolve(name, surface)?.target).toMatchObject({ provider, model, authHeaders, baseUrl });
    },
  );

  test("say what they are", () => {
    expect(catalogue.resolve("own", "chat")?.target).toMatchObject({
      apiVersion: "2024-10-21",
      takesUsageOption: true,
    });
    expect(catalogue.resolve("gemini-2.5-flash", "gemini")?.target).toMatchObject({
      takesUsageOption: false,
      thinksLong: true,
    });
    expect(catalogue.resolve("gemini-2.5-flash", "chat")).toBeNull();
  });

  test("of Google may be called after their vendor", () => {
    const { resolve } = createCatalogue(options({ google: { kind: "gemini", api_key: "gm" } }));
    expect(resolve("gemini-2.5-pro", "gemini")?.target.provider).toBe("google");
  });
});

describe("a provider", () => {
  const target = (provider: ProviderConfig) => {
    const name = provider.kind === "anthropic" ? "anthropic" : "openai";
    const surface = provider.kind === "anthropic" ? "messages" : "chat";
    return createCatalogue(options({ [name]: provider })).resolve(
      name === "openai" ? "gpt-4o" : "claude-opus-5",
      surface,
    )?.target;
  };

  test.each([
    ["openai, its vendor's", openai, "https://api.openai.com/v1"],
    ["anthropic, its vendor's", anthropic, "https://api.anthropic.com"],
    ["openai, its own", { ...openai, base_url: "http://127.0.0.1:9/v1/" }, "http://127.0.0.1:9/v1"],
    ["anthropic, its own", { ...anthropic, base_url: "http://127.0.0.1:9/" }, "http://127.0.0.1:9"],
  ] as const)("has an address: %s", (_what, provider, baseUrl) => {
    expect(target(provider)?.baseUrl).toBe(baseUrl);
  });

  test("without a key serves its models when it has an address", () => {
    expect(target({ kind: "openai", base_url: "http://127.0.0.1:9/v1" })?.authHeaders).toEqual({});
    expect(target({ kind: "openai" })).toBeUndefined();
  });

  test("is asked for the usage of streams unless it refuses that", () => {
    expect(target(openai)?.takesUsageOption).toBe(true);
    expect(target({ ...openai, include_usage: false })?.takesUsageOption).toBe(false);
    expect(target(anthropic)?.takesUsageOption).toBe(false);
  });
});

describe("a price of the configuration", () => {
  const price = (input: number) => ({ input, output: 1, cachedInput: null, cacheWrite: null, date: "configured" });
  const targets = [
    { provider: "openai", model: "gpt-4o" },
    { provider: "openai", model: "gpt-4o-mini" },
    { provider: "openai", model: "homemade" },
  ];
  const models = new Map<string, ModelConfig>([
    ["GPT-4o", { price: price(7) }],
    ["fast", { targets }],
    ["dear", { targets, price: price(9) }],
    ["free", { targets: targets.slice(2), unpriced: "ok" }],
    ["gpt-4o-mini", { unpriced: "ok" }],
  ]);
  const configured = { providers: new Map([["openai", openai]]), models };
  const catalogue = createCatalogue(configured);
  const inputs = (name: string) =>
    catalogue
      .resolve(name, "chat")
      ?.targets.map(({ model, info }) => `${model} ${info.price?.input ?? "unknown"}`)
      .sort();

  test("goes before the vendor's, whatever the spelling", () => {
    expect([inputs("gpt-4o"), inputs("gPT-4O")]).toEqual([["gpt-4o 7"], ["gPT-4O 7"]]);
    expect(catalogue.resolve("gpt-4o", "chat")?.model).toMatchObject({ encoding: "o200k_base", maxOutput: 16_384 });
  });

  test("is that of every target which leads to the model", () => {
    expect(inputs("fast")).toEqual(["gpt-4o 7", "gpt-4o-mini 0.15", "homemade unknown"]);
  });

  test("is that of the name which clients use, where that has one", () => {
    expect(inputs("dear")).toEqual(["gpt-4o 9", "gpt-4o-mini 9", "homemade 9"]);
  });

  test("leaves a name that has nothing but a price to its vendor", () => {
    expect(catalogue.list().map(({ id }) => id)).not.toContain("GPT-4o");
    expect(routingProblems(configured)).toEqual([]);
    expect(modelNames(configured)).toEqual(expect.arrayContaining(["GPT-4o", "fast", "homemade"]));
  });

  test("holds for the simulated provider too", () => {
    const offline = createCatalogue({ providers: new Map(), models: new Map([["any", { price: price(3) }]]) });
    expect(offline.resolve("any", "chat")?.model.price?.input).toBe(3);
  });

  test("is missing where a target has none and nobody says that this is fine", () => {
    expect(unpricedModels(configured)).toEqual([{ model: "fast" }]);
    const where = "sluice.config.yaml:3:7";
    const one = new Map([["m", { targets: [{ provider: "openai", model: "x" }], where }]]);
    expect(unpricedModels({ ...configured, models: one })).toEqual([{ model: "m", where }]);
    expect(unpricedModels(options({}, {}))).toEqual([]);
  });
});

describe("routes are refused", () => {
  const to = (provider: string): TargetConfig => ({ provider, model: "m" });
  test.each([
    [
      "a target of no provider",
      options({ openai }, { m: [to("opnai")] }),
      "models.m.targets.0.provider",
      "configured: openai, echo",
    ],
    ["a model without a target", options({ openai }, { m: [] }), "models.m.targets", "at least one"],
    [
      "a target that is named twice",
      options({ openai }, { m: [to("openai"), to("openai")] }),
      "models.m.targets.1",
      "is openai/m again",
    ],
    ["another model called echo", options({ openai }, { echo: [to("openai")] }), "models.echo", "simulated"],
    ["another provider called echo", options({ echo: openai }), "providers.echo", "simulated"],
    [
      "a scheme that is not http",
      options({ p: { ...openai, base_url: "ftp://x" } }),
      "providers.p.base_url",
      "received 'ftp://x'",
    ],
    [
      "no URL at all",
      options({ p: { ...openai, base_url: "api.openai.com" } }),
      "providers.p.base_url",
      "http or https",
    ],
    [
      "credentials in a URL",
      options({ p: { ...openai, base_url: "https://u:hunter2@x" } }),
      "providers.p.base_url",
      "api_key",
    ],
    [
      "credentials in what is no URL",
      options({ p: { ...openai, base_url: "u:hunter2@x" } }),
      "providers.p.base_url",
      "api_key",
    ],
    ["a query in a URL", options({ p: { ...openai, base_url: "https://x/v1?a=b" } }), "providers.p.base_url", "no '?'"],
    [
      "/v1 for Anthropic",
      options({ p: { ...anthropic, base_url: "https://x/v1/" } }),
      "providers.p.base_url",
      ": https://x",
    ],
    [
      "/v1beta for Gemini",
      options({ p: { kind: "gemini", base_url: "https://x/v1beta" } }),
      "providers.p.base_url",
      ": https://x",
    ],
    ["/v2 for Cohere", options({ p: { kind: "cohere", base_url: "https://x/v2" } }), "providers.p.base_url", "/v2"],
    [
      "/openai for Azure",
      options({ p: { kind: "azure", base_url: "https://x/openai" } }),
      "providers.p.base_url",
      "/openai",
    ],
    ["Azure without its endpoint", options({ p: { kind: "azure" } }), "providers.p.base_url", "endpoint"],
    [
      "an address for the simulated one",
      options({ p: { kind: "echo", base_url: "http://x" } }),
      "providers.p.base_url",
      "no address",
    ],
  ])("%s", (_what, wrong, path, part) => {
    const [problem, ...more] = routingProblems(wrong);
    expect(more).toEqual([]);
    expect(problem?.path.join(".")).toBe(path);
    expect(problem?.message).toContain(part);
    expect(problem?.message).not.toContain("hunter2");
    expect(() => createCatalogue(wrong)).toThrow(path);
  });
});
