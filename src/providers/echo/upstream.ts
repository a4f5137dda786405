import type { Upstream } from "../../core/ports.ts";
import { SluiceError } from "../../errors.ts";
import { createEcho, type EchoOptions } from "./echo.ts";

/** The simulated provider in this process, in the place of one that is reached over HTTP. */
export function createEchoUpstream(options: EchoOptions = {}): Upstream {
  const echo = createEcho(options);
  return {
    async send(request) {
      try {
        return await echo(request);
      } catch (cause) {
        throw new SluiceError("upstream_unreachable", { provider: request.target.provider }, { cause });
      }
    },
  };
}
