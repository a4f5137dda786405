import type { ModelState, ModelStates, ModelSwitch } from "../core/models.ts";
import { surfaces } from "../core/phases.ts";
import type { Catalogue, Route } from "../core/ports.ts";

/** A catalogue that obeys what the control plane switched off. */
export interface SwitchedCatalogue extends ModelSwitch {
  /** The catalogue without the models that are off: they are not resolved, and listed as not enabled. */
  readonly catalogue: Catalogue;
  /** Reads the states anew. Rejects when they cannot be read; what was known stays in force then. */
  reload(): Promise<void>;
}

/**
 * Puts a switch in front of a catalogue. Resolves when the states were read.
 *
 * A model that is off is asked under no name: neither its own, whatever its case, nor one that the configuration leads
 * to it. A name with several targets goes to those that are left.
 */
export async function createModelSwitch(all: Catalogue, states: ModelStates): Promise<SwitchedCatalogue> {
  let known: ReadonlyMap<string, ModelState> = new Map();
  /** Ids in lower case: clients spell as they like. */
  let off: ReadonlySet<string> = new Set();
  let turn: Promise<unknown> = Promise.resolve();

  /** One thing at a time: a reload that was begun before a change must not undo it. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = turn.then(act);
    turn = next.catch(() => undefined);
    return next;
  }

  function know(read: readonly ModelState[]): void {
    known = new Map(read.map((state) => [state.id, state]));
    off = new Set(read.filter(({ enabled }) => !enabled).map(({ id }) => id.toLowerCase()));
  }

  const isSwitchedOff = (id: string) => off.size > 0 && off.has(id.toLowerCase());

  function withoutOff(route: Route): Route | null {
    const left = route.targets.filter(({ info }) => !isSwitchedOff(info.id));
    if (left.length === route.targets.length) return route;
    const [first] = left;
    return first === undefined ? null : { ...route, model: first.info, target: first, targets: left };
  }

  const catalogue: Catalogue = {
    resolve(name, surface) {
      if (off.size === 0) return all.resolve(name, surface);
      if (isSwitchedOff(name)) return null;
      const route = all.resolve(name, surface);
      return route && withoutOff(route);
    },
    list() {
      if (off.size === 0) return all.list();
      return all.list().map((model) => (served(model.id) ? model : { ...model, enabled: false }));
    },
  };

  const served = (id: string) => surfaces.some((surface) => catalogue.resolve(id, surface) !== null);

  know(await states.all());

  return {
    catalogue,
    find: (id) => known.get(id) ?? null,
    isOff: (id) => off.size > 0 && !served(id),
    isSwitchedOff,
    change: (id, change, version) =>
      inTurn(async () => {
        const changed = await states.change(id, change, version);
        if (changed.outcome === "changed") {
          know([...[...known.values()].filter((state) => state.id !== id), changed.value]);
        }
        return changed;
      }),
    reload: () => inTurn(async () => know(await states.all())),
  };
}
