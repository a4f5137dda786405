import type { Phase } from "../core/phases.ts";

/** The phases that the gateway asks policies in. What is for another would never be asked, so it is refused. */
export const enforced: readonly Phase[] = ["request", "response", "usage"];
