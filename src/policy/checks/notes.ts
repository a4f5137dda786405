import type { Problem } from "../problem.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

/** What a policy type says of its config: what was accepted and can make no difference. */
export function checkNotes(file: Compiled): Problem[] {
  const places = new Places(file);
  return (file.notes ?? []).flatMap(({ path, message }) => places.problem("C076", ["with", ...path], message) ?? []);
}
