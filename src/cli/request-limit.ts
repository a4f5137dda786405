/** As many as Bun accepts. What may really be under way is bounded by the configuration, for each target. */
const most = "65535";

const variable = "BUN_CONFIG_MAX_HTTP_REQUESTS";

/**
 * Begins the process anew with Bun's own bound on requests lifted, unless it is set already.
 *
 * Bun sends at most 256 requests at a time, of all providers together, and lets others wait without a word: one provider
 * that hangs would hold up all. It reads the variable before any code runs, so nothing less helps. The process stays the
 * same one to whoever started it.
 */
export function liftRequestLimit(): void {
  if (process.env[variable] !== undefined || process.platform === "win32") return;
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve?.(process.execPath, args, { ...process.env, [variable]: most });
  } catch {
    // It goes on within Bun's bound.
  }
}
