// Runs a task on a machine that may have only Node.js and npm: installs the pinned Bun and the dependencies where
// they are missing, then hands over to Bun. Plain JavaScript, because nothing else can run yet.
//
//   node scripts/run.mjs start|test [arguments]
//
// package.json calls it with `exec`: npm's signals would otherwise end the shell between them and leave this running.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";
const wanted = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.bun;
// Outside node_modules: a fresh install of the dependencies must not remove the Bun that runs it.
const cache = join(root, ".cache", "bun");

const tasks = { start: ["src/cli/main.ts", "start"], test: ["scripts/test.ts"] };
const [task, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task)) fail(`unknown task '${task}'; known: ${Object.keys(tasks).join(", ")}`, 2);

const bun = findBun() ?? installBun();
installDependencies(bun);
const child = spawn(bun, [...tasks[task], ...rest], { cwd: root, stdio: "inherit", env: withBun(bun) });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`bun could not be started: ${error.message}`, 1));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128 + 15);
});

function findBun() {
  const places = [join(root, "node_modules", ".bin"), join(cache, "node_modules", ".bin")];
  places.push(...(process.env.PATH ?? "").split(delimiter));
  const name = windows ? "bun.exe" : "bun";
  return places.map((place) => join(place, name)).find((path) => existsSync(path) && works(path));
}

/** An older Bun, or one whose install step was not allowed to run, is passed over. */
function works(path) {
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  if (status !== 0) return false;
  const have = stdout.trim().split(".").map(Number);
  const need = wanted.split(".").map(Number);
  for (let i = 0; i < 3; i += 1) if (have[i] !== need[i]) return have[i] > need[i];
  return true;
}

function installBun() {
  console.error(`sluice: installing bun ${wanted} (once)`);
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "package.json"), `{"private":true,"allowScripts":{"bun":true}}\n`);
  const args = ["install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", `bun@${wanted}`];
  const options = { cwd: cache, stdio: ["ignore", 2, 2], env: withDownloads(), shell: windows };
  const { status } = spawnSync("npm", args, options);
  if (status !== 0) fail("npm could not install bun", 1);
  const installed = findBun();
  if (installed === undefined) fail("bun was installed but does not run; was its install script refused?", 1);
  return installed;
}

/** Installs when the lock file is another than the one last installed from. */
function installDependencies(bun) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "bun.lock")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".sluice-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.error("sluice: installing dependencies");
  const options = { cwd: root, stdio: ["ignore", 2, 2], env: withDownloads() };
  const { status } = spawnSync(bun, ["install", "--frozen-lockfile"], options);
  if (status !== 0) fail("the dependencies could not be installed", 1);
  writeFileSync(stamp, lock);
}

/** npm and Bun keep what they download in the user's home. Some users, such as nobody, have none. */
function withDownloads() {
  try {
    accessSync(homedir(), constants.W_OK);
    return process.env;
  } catch {
    const own = (name) => join(root, ".cache", name);
    return { ...process.env, npm_config_cache: own("npm"), BUN_INSTALL_CACHE_DIR: own("install") };
  }
}

function withBun(bun) {
  return { ...process.env, PATH: `${dirname(bun)}${delimiter}${process.env.PATH ?? ""}` };
}

function fail(message, code) {
  console.error(`sluice: ${message}`);
  process.exit(code);
}
