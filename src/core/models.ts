import type { Catalogue, ModelPrice } from "./ports.ts";
import type { Changed, Versioned } from "./resources.ts";

/** Whether the control plane has switched a model off, or on again. A model without a state is on. */
export interface ModelState extends Versioned {
  readonly enabled: boolean;
  /** Why; empty when nothing was said. */
  readonly reason: string;
  /** Id of the operator who changed it last. */
  readonly actor: string;
}

/** A change of a model's state. */
export interface ModelChange {
  readonly enabled: boolean;
  readonly reason: string;
  readonly actor: string;
}

/** Keeps which models are switched off. Each change and the note of who made it are stored together or not at all. */
export interface ModelStates {
  /** Every state there is; there are as many as models that somebody ever switched. */
  all(): Promise<readonly ModelState[]>;
  /**
   * @param version the one that the change was made for: of the state and the {@link DatabaseModel} of this name together,
   *   each 0 where there is none; `null` for whatever stands
   */
  change(id: string, change: ModelChange, version: number | null): Promise<Changed<ModelState>>;
}

/** Switches models off and on. */
export interface ModelSwitch {
  /** The state of a model; `null` when nobody ever switched it. */
  find(id: string): ModelState | null;
  /** Whether calls of this name are refused now. */
  isOff(id: string): boolean;
  /** Whether the model of this very name is switched off, in whatever case: names that lead elsewhere too may be served. */
  isSwitchedOff(id: string): boolean;
  /** As {@link ModelStates.change}; obeyed by this process when it resolves. */
  change(id: string, change: ModelChange, version: number | null): Promise<Changed<ModelState>>;
}

/** One place that serves a model, as who defines the model says it. */
export interface ModelTarget {
  /** A configured provider, by its name. */
  readonly provider: string;
  /** The model's name there; with kind azure its deployment. */
  readonly model: string;
  /** Lower goes first. */
  readonly priority: number;
  /** Share of the calls among targets of the same priority. */
  readonly weight: number;
  /** Whether the model may think for minutes before its first word; `null`: as its name says. */
  readonly reasoning: boolean | null;
}

/** Where a name that clients use leads, and what that costs. */
export interface ModelDefinition {
  readonly targets: readonly ModelTarget[];
  /** `null`: as the model's own price is known. */
  readonly price: ModelPrice | null;
  /** It is known and fine that it has no price. */
  readonly priceWaived: boolean;
}

/** A model that was made in the control plane. */
export interface DatabaseModel extends ModelDefinition, Versioned {
  /** Id of the operator who changed it last. */
  readonly actor: string;
}

/** Keeps the models that were made in the control plane. Each change and the note of who made it are stored together. */
export interface DatabaseModels {
  all(): Promise<readonly DatabaseModel[]>;
  /** @throws SluiceError `conflict` when there is a model of this name */
  create(id: string, definition: ModelDefinition, actor: string): Promise<DatabaseModel>;
  /** @param version as {@link ModelStates.change} has it */
  replace(
    id: string,
    definition: ModelDefinition,
    version: number | null,
    actor: string,
  ): Promise<Changed<DatabaseModel>>;
  /** @param version as {@link ModelStates.change} has it */
  remove(id: string, version: number | null, actor: string): Promise<Changed<DatabaseModel>>;
}

/** Who says where a name leads: the configuration, the control plane, the vendor whose own name it is, or this program. */
export const modelSources = ["config", "database", "vendor", "built_in"] as const;

/** One of the {@link modelSources}. */
export type ModelSource = (typeof modelSources)[number];

/** The models that clients can name, as a resource: what the configuration has, and what is made and switched here. */
export interface ModelDirectory extends ModelSwitch {
  /** With the models that are switched off. */
  readonly all: Catalogue;
  /** Names of the models that were made here, those included that no provider serves any more. */
  made(): readonly string[];
  source(id: string): ModelSource;
  /** What was said of a name, in the configuration or here; `null` for a vendor's own. */
  definition(id: string): ModelDefinition | null;
  /** The version that the changes of a name are made for. */
  version(id: string): number;
  /**
   * Obeyed by this process when it resolves.
   *
   * @throws SluiceError `invalid_input` when it leads to no provider that is configured, or its price is neither known nor
   *   waived; `conflict` when there is a model of this name, in whatever case
   */
  create(id: string, definition: ModelDefinition, actor: string): Promise<DatabaseModel>;
  /**
   * As {@link create}.
   *
   * @throws SluiceError `conflict` also when the model was not made here, `not_found` when there is none
   */
  replace(
    id: string,
    definition: ModelDefinition,
    version: number | null,
    actor: string,
  ): Promise<Changed<DatabaseModel>>;
  /** As {@link replace}. Where the name is a vendor's own it leads there again. */
  remove(id: string, version: number | null, actor: string): Promise<Changed<DatabaseModel>>;
}
