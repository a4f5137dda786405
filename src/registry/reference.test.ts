import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { reasonCode } from "../sdk/plugin.ts";
import { pluginReference, pluginsReference } from "./reference.ts";
import { discoverPlugins } from "./registry.ts";

const registry = await discoverPlugins(join(import.meta.dir, "../../plugins"));

describe.each(registry.list().map((plugin) => [plugin.name, plugin] as const))(
  "the reference of %s",
  (_name, plugin) => {
    const text = pluginReference(plugin);

    test("names every key, every reason's code and message, and shows every example", () => {
      const wanted = [
        ...Object.keys(plugin.config.properties).map((key) => `| \`${key}\` |`),
        ...Object.entries(plugin.reasons).flatMap(([id, spec]) => [`\`${reasonCode(id, spec)}\``, spec.message]),
      ];
      expect(wanted.filter((part) => !text.includes(part))).toEqual([]);
      expect(text.match(/^```yaml$/gm)).toHaveLength(plugin.examples?.length ?? 0);
    });

    test("says of every key what it is and what it takes", () => {
      const rows = text.split("\n").filter((line) => /^\| `[a-z]/.test(line));
      expect(rows.filter((row) => row.includes("another value"))).toEqual([]);
    });
  },
);

test("the reference of all has each of them under its name, in order", () => {
  const headings = [...pluginsReference(registry.list()).matchAll(/^## (.+)$/gm)].map(([, name]) => name!);
  expect(headings).toEqual([...registry.names()]);
});

test("what the admin API answers holds the same", () => {
  for (const { name, docs } of registry.describe()) expect(docs).toBe(pluginReference(registry.get(name)!));
});
