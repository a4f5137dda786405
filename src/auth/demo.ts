import type { KeyMint } from "../core/keys.ts";
import type { Application, Applications } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";

/** Who the audit log names for what is made at the first start. */
const actor = "first start";

/**
 * Makes the application `demo` with a key for `dev`, the first time that a store is used.
 *
 * @returns the key when it was made now: it cannot be shown again
 */
export async function ensureDemo({
  applications,
  mint,
}: {
  readonly applications: Applications;
  readonly mint: KeyMint;
}): Promise<{ readonly created: true; readonly key: string } | { readonly created: false }> {
  if (await applications.any()) return { created: false };
  let demo: Application;
  try {
    demo = await applications.create({ organisation: "default", team: "", name: "demo", labels: {} }, actor);
  } catch (error) {
    // Another process that started at the same time has made it, and shows its key.
    if (error instanceof SluiceError && error.code === "conflict") return { created: false };
    throw error;
  }
  const { secret } = await mint.mint({ application: demo.id, env: "dev", name: "demo", expiresAt: null, actor });
  return { created: true, key: secret };
}
