/**
 * Installs Debian's redis-server where it is absent, for root only: tests start servers of their own, on free ports.
 * Anything that goes wrong is left to the tests, which say what they miss.
 */
export function installRedis(): void {
  if (Bun.which("redis-server") !== null || process.getuid?.() !== 0 || Bun.which("apt-get") === null) return;
  console.log("installing redis-server (Debian package)");
  // The package would start a server of its own, which nobody asked for: RUNLEVEL=1 keeps it from that.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const apt = (...args: readonly string[]) =>
    Bun.spawnSync(["apt-get", "-q", "-y", ...args], { env, stdout: "ignore", stderr: "ignore" }).exitCode === 0;
  const install = ["install", "--no-install-recommends", "redis-server"];
  if (!apt(...install)) apt("update") && apt(...install);
}
