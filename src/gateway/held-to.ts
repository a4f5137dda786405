import type { Surface } from "../core/phases.ts";
import { type CompiledRestriction, compileRestriction, type HeldTo } from "../core/restrictions.ts";
import { SluiceError } from "../errors.ts";

/** What keys and environments are held to, ready to be asked. Weak: identities are replaced when something changes. */
const compiled = new WeakMap<HeldTo, CompiledRestriction>();

/**
 * Holds a request to what its key may be used for, as far as that is known before its body is read.
 *
 * @param addressOf tells where it comes from; asked only where that matters
 * @throws SluiceError `network_not_allowed` or `surface_not_allowed`
 */
export function holdToOrigin(all: readonly HeldTo[], surface: Surface | null, addressOf: () => string): void {
  for (const held of all) {
    const may = ready(held);
    if (held.networks !== null) {
      const address = addressOf();
      // The networks are not told: who has a stolen key shall not learn where to use it from.
      if (!may.address(address)) throw new SluiceError("network_not_allowed", { holder: held.of, address });
    }
    if (surface !== null && !may.surface(surface)) {
      const allowed = held.surfaces!.join(", ");
      throw new SluiceError("surface_not_allowed", { holder: held.of, surface, allowed });
    }
  }
}

/**
 * Holds a request to the models of its key, by the name that the client sends.
 *
 * @throws SluiceError `model_not_allowed`
 */
export function holdToModel(all: readonly HeldTo[], model: string): void {
  for (const held of all) {
    if (ready(held).model(model)) continue;
    throw new SluiceError("model_not_allowed", { holder: held.of, model, allowed: held.models!.join(", ") });
  }
}

/** Whether {@link holdToModel} lets a model through. */
export function mayUseModel(all: readonly HeldTo[] | undefined, model: string): boolean {
  return all === undefined || all.every((held) => ready(held).model(model));
}

function ready(held: HeldTo): CompiledRestriction {
  let made = compiled.get(held);
  if (made === undefined) {
    made = compileRestriction(held);
    compiled.set(held, made);
  }
  return made;
}
