/** What Bun reads of its environment before any code runs, and what a gateway wants there. */
export const runtimeSettings: Readonly<Record<string, string>> = {
  // Bun sends at most 256 requests at a time, of all providers together, and lets others wait without a word: one provider
  // that hangs would hold up all. As many as Bun accepts; what may really be under way is bounded for each target.
  BUN_CONFIG_MAX_HTTP_REQUESTS: "65535",
  // Milliseconds. Bun's allocator looks for unused parts of memory to give back ten times a second, and a busy gateway
  // faults them in again at once. Every two seconds does: 4 % less work for streams.
  MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "2000",
};

/**
 * Begins the process anew with these settings, but for those that are set already. Nothing less helps, and nothing is done
 * where all are set. The process stays the same one to whoever started it.
 */
export function applyRuntimeSettings(): void {
  const set = Object.keys(runtimeSettings).every((name) => process.env[name] !== undefined);
  if (set || process.platform === "win32") return;
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve?.(process.execPath, args, { ...runtimeSettings, ...process.env });
  } catch {
    // It goes on with Bun's own.
  }
}
