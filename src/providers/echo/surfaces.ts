import type { Surface } from "../../core/phases.ts";
import { chatEcho } from "./chat.ts";
import { messagesEcho } from "./messages.ts";
import type { EchoSurface } from "./surface.ts";

/** How the simulated provider speaks each surface. */
export const echoSurfaces: { readonly [S in Surface]?: EchoSurface } = {
  chat: chatEcho,
  messages: messagesEcho,
};
