import type { DatabaseModel, DatabaseModels, ModelDefinition, ModelDirectory, ModelStates } from "../core/models.ts";
import type { Catalogue } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import {
  type CatalogueOptions,
  createCatalogue,
  echoName,
  type ModelConfig,
  routingProblems,
  unpricedModels,
} from "./catalogue.ts";
import { createModelSwitch, type SwitchedCatalogue } from "./model-switch.ts";

/** A {@link ModelDirectory} and what the rest of the process wants of it. */
export interface LiveModels extends ModelDirectory, Pick<SwitchedCatalogue, "catalogue"> {
  /** What the catalogue is made from now: the configuration and the models that were made in the control plane. */
  options(): CatalogueOptions;
  /** Reads what was made and switched anew. Rejects when it cannot be read; what was known stays in force then. */
  reload(): Promise<void>;
}

/**
 * The models of the configuration together with those of the database. Resolves when these were read.
 *
 * What the configuration says of a name holds, whatever the database says of it. A model whose providers are not all
 * configured any more is kept and leads nowhere.
 */
export async function createModelDirectory(
  configured: CatalogueOptions,
  kept: { readonly states: ModelStates; readonly models: DatabaseModels },
): Promise<LiveModels> {
  let made: ReadonlyMap<string, DatabaseModel> = new Map();
  let options = configured;
  let current = createCatalogue(configured);
  let turn: Promise<unknown> = Promise.resolve();

  /** One thing at a time: a reload that was begun before a change must not undo it. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = turn.then(act);
    turn = next.catch(() => undefined);
    return next;
  }

  function know(models: readonly DatabaseModel[]): void {
    made = new Map(models.map((model) => [model.id, model]));
    options = { ...configured, models: withModels(configured, models) };
    current = createCatalogue(options);
  }

  const all: Catalogue = {
    resolve: (name, surface) => current.resolve(name, surface),
    list: () => current.list(),
  };
  know(await kept.models.all());
  const { reload: reloadStates, ...switched } = await createModelSwitch(all, kept.states);

  /** What was made here, by its name; everything else is refused to be changed. */
  function requireMade(id: string): void {
    if (made.has(id)) return;
    const served = switched.find(id) !== null || all.list().some((model) => model.id === id);
    if (!served) throw new SluiceError("not_found", { resource: "model", id });
    const problem = `'${id}' was not made here: it is of the configuration, or its vendor's own. It can be switched off; POST /admin/v1/models makes one of another name.`;
    throw new SluiceError("conflict", { problem });
  }

  return {
    ...switched,
    all,
    options: () => options,
    made: () => [...made.keys()],
    source: (id) =>
      id === echoName
        ? "built_in"
        : configured.models.get(id)?.targets !== undefined
          ? "config"
          : made.has(id)
            ? "database"
            : "vendor",
    definition: (id) => {
      const config = configured.models.get(id);
      return config?.targets === undefined ? (made.get(id) ?? null) : toDefinition(config);
    },
    version: (id) => (switched.find(id)?.version ?? 0) + (made.get(id)?.version ?? 0),

    create: (id, definition, actor) =>
      inTurn(async () => {
        const same = (other: string) => other.toLowerCase() === id.toLowerCase();
        const taken = [...made.keys(), ...routed(configured.models)].find(same);
        if (taken !== undefined) throw new SluiceError("conflict", { problem: `There is a model '${taken}' already.` });
        check(configured, id, definition);
        const model = await kept.models.create(id, definition, actor);
        know([...made.values(), model]);
        return model;
      }),

    replace: (id, definition, version, actor) =>
      inTurn(async () => {
        requireMade(id);
        check(configured, id, definition);
        const changed = await kept.models.replace(id, definition, version, actor);
        if (changed.outcome === "changed") know([...others(made, id), changed.value]);
        return changed;
      }),

    remove: (id, version, actor) =>
      inTurn(async () => {
        requireMade(id);
        const changed = await kept.models.remove(id, version, actor);
        if (changed.outcome === "changed") {
          know(others(made, id));
          await reloadStates();
        }
        return changed;
      }),

    reload: () =>
      inTurn(async () => {
        know(await kept.models.all());
        await reloadStates();
      }),
  };
}

function others(made: ReadonlyMap<string, DatabaseModel>, id: string): readonly DatabaseModel[] {
  return [...made.values()].filter((model) => model.id !== id);
}

/** Names that the configuration leads somewhere. */
function routed(models: CatalogueOptions["models"]): readonly string[] {
  return [...models].flatMap(([name, { targets }]) => (targets === undefined ? [] : [name]));
}

/** The configuration's models and those of the database that can be served. */
function withModels(configured: CatalogueOptions, models: readonly DatabaseModel[]): CatalogueOptions["models"] {
  const held = new Set(routed(configured.models).map((name) => name.toLowerCase()));
  const served = models.filter(
    (model) => !held.has(model.id.toLowerCase()) && problemsOf(configured, model.id, model).length === 0,
  );
  return new Map([
    ...configured.models,
    ...served.map((model) => [model.id, toConfig(configured, model.id, model)] as const),
  ]);
}

function problemsOf(configured: CatalogueOptions, id: string, definition: ModelDefinition) {
  const problems = routingProblems(withModel(configured, id, definition));
  return problems.filter(({ path }) => path[0] === "models" && path[1] === id);
}

/** Refuses what would lead nowhere, or cost nobody knows what. */
function check(configured: CatalogueOptions, id: string, definition: ModelDefinition): void {
  const problems = problemsOf(configured, id, definition);
  if (problems.length > 0) {
    const told = problems.map(({ path, message }) => `${path.slice(2).join(".") || id}: ${message}`);
    throw new SluiceError("invalid_input", { problem: `The model is not accepted: ${told.join("; ")}.` });
  }
  if (unpricedModels(withModel(configured, id, definition)).some(({ model }) => model === id)) {
    const problem = `Nobody knows what '${id}' costs at one of its targets: give a price, or say that it needs none (price_waived).`;
    throw new SluiceError("invalid_input", { problem });
  }
}

function withModel(configured: CatalogueOptions, id: string, definition: ModelDefinition): CatalogueOptions {
  return { ...configured, models: new Map([...configured.models, [id, toConfig(configured, id, definition)]]) };
}

/** A model of the database as the configuration would say it, with what the configuration says of its name besides. */
function toConfig({ models }: CatalogueOptions, id: string, definition: ModelDefinition): ModelConfig {
  const { targets, price, priceWaived } = definition;
  return {
    ...models.get(id),
    targets: targets.map(({ reasoning, ...target }) => ({ ...target, ...(reasoning !== null && { reasoning }) })),
    ...(price !== null && { price }),
    ...(priceWaived && { unpriced: "ok" as const }),
    where: "the control plane",
  };
}

function toDefinition({ targets = [], price, unpriced }: ModelConfig): ModelDefinition {
  return {
    targets: targets.map(({ provider, model, priority = 1, weight = 100, reasoning = null }) => {
      return { provider, model, priority, weight, reasoning };
    }),
    price: price ?? null,
    priceWaived: unpriced === "ok",
  };
}
