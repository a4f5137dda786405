import { t } from "elysia";
import { networkProblem } from "../core/networks.ts";
import { surfaces } from "../core/phases.ts";
import type { Restriction } from "../core/restrictions.ts";
import { SluiceError } from "../errors.ts";
import { oneOf, type Shown } from "./schemas.ts";

const list = { minItems: 1, maxItems: 100, uniqueItems: true };

/** What something may be used for, in input and answers. */
export const restrictionMembers = {
  surfaces: t.Union([t.Array(oneOf(surfaces), list), t.Null()], {
    description: "The surfaces that it is for; null for all.",
  }),
  models: t.Union([t.Array(t.String({ minLength: 1, maxLength: 128, pattern: "^[\\x21-\\x7e]+$" }), list), t.Null()], {
    description: "The models that it is for, as clients name them; * and ? stand for any characters. null for all.",
  }),
  networks: t.Union([t.Array(t.String({ minLength: 2, maxLength: 64 }), list), t.Null()], {
    description:
      "Where it may be used from: addresses, and networks such as 10.0.0.0/8 or 2001:db8::/32. null for anywhere.",
  }),
};

/** The same as input, where what is absent is not restricted, or not changed. */
export const restrictionInput = {
  surfaces: t.Optional(restrictionMembers.surfaces),
  models: t.Optional(restrictionMembers.models),
  networks: t.Optional(restrictionMembers.networks),
};

const inputSchema = t.Object(restrictionInput);

/**
 * What input says of a restriction.
 *
 * @throws SluiceError `invalid_input` for a network that is none
 */
export function readRestriction({ surfaces, models, networks }: Shown<typeof inputSchema>): Partial<Restriction> {
  const problem = networks?.map(networkProblem).find((one) => one !== undefined);
  if (problem !== undefined)
    throw new SluiceError("invalid_input", { problem: `'networks' has what is none: ${problem}.` });
  return {
    ...(surfaces !== undefined && { surfaces }),
    ...(models !== undefined && { models }),
    ...(networks !== undefined && { networks }),
  };
}

/** A restriction as it is shown. */
export function showRestriction({ surfaces, models, networks }: Restriction) {
  return {
    surfaces: surfaces === null ? null : [...surfaces],
    models: models === null ? null : [...models],
    networks: networks === null ? null : [...networks],
  };
}
