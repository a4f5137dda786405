import type { Changed, Versioned } from "./control.ts";

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
   * @param version the one that the change was made for, 0 for a model without a state; `null` for whatever stands
   */
  change(id: string, change: ModelChange, version: number | null): Promise<Changed<ModelState>>;
}

/** Switches models off and on. */
export interface ModelSwitch {
  /** The state of a model; `null` when nobody ever switched it. */
  find(id: string): ModelState | null;
  /** Whether calls of this name are refused now. */
  isOff(id: string): boolean;
  /** As {@link ModelStates.change}; obeyed by this process when it resolves. */
  change(id: string, change: ModelChange, version: number | null): Promise<Changed<ModelState>>;
}
