/**
 * Installs a Debian package, for root on Debian only: tests start servers of their own, on free ports. Anything that goes
 * wrong is left to the tests, which say what they miss.
 */
export function installDebian(name: string): void {
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null) return;
  console.log(`installing ${name} (Debian package)`);
  // Packages of servers start one, which nobody asked for: RUNLEVEL=1 keeps them from that.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const apt = (...args: readonly string[]) =>
    Bun.spawnSync(["apt-get", "-q", "-y", ...args], { env, stdout: "ignore", stderr: "ignore" }).exitCode === 0;
  const install = ["install", "--no-install-recommends", name];
  if (!apt(...install)) apt("update") && apt(...install);
}
