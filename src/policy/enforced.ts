import { enforcedPhases } from "../core/coverage.ts";

/** The phases that the gateway asks policies in. What is for another would never be asked, so it is refused. */
export const enforced = enforcedPhases();
