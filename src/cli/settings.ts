import type { Command } from "commander";
import { flagName, type Setting } from "../config/setting.ts";
import { type Config, ConfigError, loadConfig, settings } from "../config.ts";

/** Gives a verb the flags of some settings, `--config` among them. Their values are had by {@link readSettings}. */
export function addSettings(command: Command, ...keys: (keyof typeof settings)[]): Command {
  for (const key of [...keys, "config"] as const) {
    const declared: Setting = settings[key];
    const flag = flagName(key, declared);
    const value = declared.default === undefined ? "" : ` (default: ${declared.default})`;
    if (declared.type.isSwitch !== true) command.option(`${flag} <${key.split("_").at(-1)}>`, declared.doc + value);
    else command.option(flag, declared.doc).option(flag.replace("--", "--no-"), `Not ${flag}.`);
  }
  return command;
}

/**
 * The configuration as `sluice start` would see it: the verb's flags, the environment, the file, the defaults.
 *
 * Ends the verb as wrongly used, with every problem, when the configuration has one.
 */
export function readSettings(command: Command): Config {
  const flags = new Set(Object.entries(settings).map(([key, declared]) => flagName(key, declared as Setting)));
  const argv = command.options.flatMap((option) => {
    const value: unknown = command.getOptionValue(option.attributeName());
    // A flag and its opposite share one value; the opposite is the one that is called when it is false.
    if (value === undefined || option.negate || !flags.has(option.long ?? "")) return [];
    if (typeof value === "boolean") return [value ? option.long! : option.long!.replace("--", "--no-")];
    return [`${option.long}=${value}`];
  });
  try {
    return loadConfig({ argv, env: process.env, cwd: process.cwd() });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return command.error(error.message, { exitCode: 2 });
  }
}
