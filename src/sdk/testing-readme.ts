import { expect, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import { type Plugin, reasonCode } from "./plugin.ts";

/** The sections of a plugin's README, in order. */
const sections = ["Name", "Description", "Config", "Examples", "Reasons"];

/**
 * Tests the README beside a plugin: its sections, that it names every config field and the code of every reason, and
 * that each of its YAML blocks is accepted. A block is a policy that `uses` the plugin, or a config alone.
 */
export function testReadme(plugin: Plugin, dir: string, make: (config: unknown) => unknown): void {
  const read = () => Bun.file(join(dir, "README.md")).text();

  test("the README has its sections, in order", async () => {
    const headings = [...(await read()).matchAll(/^## (.+)$/gm)].map(([, title]) => title!.trim());
    expect(headings.filter((title) => sections.includes(title))).toEqual(sections);
  });

  test("the README names every config field and every reason's code", async () => {
    const text = await read();
    const config = sectionOf(text, "Config");
    const reasons = sectionOf(text, "Reasons");
    const missing = [
      ...Object.keys(plugin.config.properties).filter((name) => !config.includes(`\`${name}\``)),
      ...Object.entries(plugin.reasons)
        .map(([id, spec]) => reasonCode(id, spec))
        .filter((code) => !reasons.includes(`\`${code}\``)),
    ];
    expect(missing).toEqual([]);
  });

  test("every YAML block of the README is accepted, and there is one", async () => {
    const blocks = [...(await read()).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      const value = parse(block) as Record<string, unknown>;
      if (!("uses" in value)) make(value);
      else {
        expect(value.uses).toBe(plugin.name);
        make(value.with);
      }
    }
  });
}

function sectionOf(text: string, title: string): string {
  const start = text.indexOf(`\n## ${title}\n`);
  if (start < 0) return "";
  const end = text.indexOf("\n## ", start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}
