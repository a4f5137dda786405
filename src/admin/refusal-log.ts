import { LRUCache } from "lru-cache";
import { holderOf } from "../core/networks.ts";
import type { AdminDeps } from "./deps.ts";
import { addressOf } from "./operator.ts";

/** How long nothing more is logged of an address. */
const quietMs = 60_000;
/** Most addresses that are remembered; of more, those that asked longest ago are forgotten. */
const maxAddresses = 10_000;

/**
 * Makes a function that logs a request which was refused for want of a valid credential. Anybody can send those: of each
 * address one in a minute is logged, and with the next one how many were passed over since.
 */
export function createRefusalLog({ clock, logger }: Pick<AdminDeps, "clock" | "logger">) {
  const logged = new LRUCache<string, { readonly at: number; passedOver: number }>({ max: maxAddresses });
  return (request: Request, path: string) => {
    const address = addressOf(request);
    const holder = holderOf(address);
    const before = logged.get(holder);
    const now = clock.now();
    if (before !== undefined && Math.abs(now - before.at) < quietMs) {
      before.passedOver += 1;
      return;
    }
    logged.set(holder, { at: now, passedOver: 0 });
    logger.warn(
      { method: request.method, path, address, ...(before && { passedOver: before.passedOver }) },
      "a request to the admin surface was refused: no valid credential",
    );
  };
}
