import { parseArgs } from "node:util";
import { suggestion } from "../sdk/suggest.ts";
import type { ConfigProblem } from "./problem.ts";
import { envName, flagName, type Setting } from "./setting.ts";

/** A setting as text, and where it was. */
export interface Given {
  readonly text: string;
  /** The flag or variable, as in messages. */
  readonly where: string;
}

/** What flags or the environment say: texts by key, and paths of files that hold secrets, by key too. */
export interface GivenTexts {
  readonly texts: ReadonlyMap<string, Given>;
  readonly files: ReadonlyMap<string, Given>;
}

type Registry = Readonly<Record<string, Setting>>;

/** Reads the flags. Every setting is one; a secret also with `-file`. */
export function readFlags(argv: readonly string[], registry: Registry, problems: ConfigProblem[]): GivenTexts {
  const texts = new Map<string, Given>();
  const files = new Map<string, Given>();
  const known = new Map<
    string,
    { readonly key: string; readonly into: Map<string, Given>; readonly isSwitch: boolean }
  >();
  for (const [key, setting] of Object.entries(registry)) {
    const name = flagName(key, setting);
    known.set(name, { key, into: texts, isSwitch: setting.type.isSwitch === true });
    if (setting.secret === true) known.set(`${name}-file`, { key, into: files, isSwitch: false });
  }
  const options = Object.fromEntries(
    [...known].map(([name, { isSwitch }]) => [
      name.slice(2),
      { type: isSwitch ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true, allowPositionals: true });
  let afterUnknown = false;
  for (const token of tokens) {
    if (token.kind === "positional") {
      // What follows an unknown flag is probably its value: one mistake, one problem.
      if (!afterUnknown)
        problems.push({ where: token.value, message: "unexpected argument; settings are written as flags" });
      afterUnknown = false;
    } else if (token.kind === "option") {
      const flag = known.get(token.rawName);
      const off = known.get(token.rawName.replace(/^--no-/, "--"));
      afterUnknown = false;
      if (flag !== undefined) {
        const text = token.value ?? (flag.isSwitch ? "true" : "");
        if (text === "") problems.push({ where: token.rawName, message: "needs a value" });
        else flag.into.set(flag.key, { text, where: token.rawName });
      } else if (off?.isSwitch === true) {
        off.into.set(off.key, { text: "false", where: token.rawName });
      } else {
        afterUnknown = token.value === undefined;
        problems.push({ where: token.rawName, message: `unknown flag${suggestion(token.rawName, [...known.keys()])}` });
      }
    }
  }
  return { texts, files };
}

/**
 * Variables of that prefix that are no settings: the client's key in the examples, the address that verbs find a running
 * gateway at, and what Kubernetes sets for a service.
 */
const foreign = /^SLUICE_(KEY|URL|SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

/** Reads the environment. An empty variable counts as not set; one that begins with SLUICE_ and is not known is a problem. */
export function readEnv(
  env: Readonly<Record<string, string | undefined>>,
  registry: Registry,
  problems: ConfigProblem[],
): GivenTexts {
  const texts = new Map<string, Given>();
  const files = new Map<string, Given>();
  const known = new Map<string, { readonly key: string; readonly into: Map<string, Given> }>();
  for (const [key, setting] of Object.entries(registry)) {
    const name = envName(key, setting);
    known.set(name, { key, into: texts });
    if (setting.secret === true) known.set(`${name}_FILE`, { key, into: files });
  }
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || text === "") continue;
    const variable = known.get(name);
    // Kubernetes, for a service called sluice: SLUICE_PORT=tcp://10.0.0.1:8787.
    if (name === "SLUICE_PORT" && text.startsWith("tcp://")) continue;
    if (variable !== undefined) {
      variable.into.set(variable.key, { text, where: name });
    } else if (name.startsWith("SLUICE_") && !foreign.test(name)) {
      const names = [...known.keys()].filter((one) => one.startsWith("SLUICE_"));
      problems.push({ where: name, message: `unknown setting in the environment${suggestion(name, names)}` });
    }
  }
  return { texts, files };
}
