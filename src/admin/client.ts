import type { createAdmin } from "./admin.ts";

/**
 * The routes of the control plane as a type, for Eden's `treaty`: a client whose paths, inputs and answers are checked by
 * the compiler. It is a type alone; importing it loads nothing.
 *
 * @example
 * import { treaty } from "@elysiajs/eden";
 * import type { AdminApi } from "sluice/admin";
 *
 * const { admin } = treaty<AdminApi>("http://127.0.0.1:8787", { headers: { authorization: `Bearer ${key}` } });
 * const { data, error } = await admin.v1.applications.post({ name: "chat" });
 */
export type AdminApi = ReturnType<typeof createAdmin>;
