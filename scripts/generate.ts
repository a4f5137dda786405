import { policyJsonSchema } from "../src/policy/schema.ts";

/** A committed file that is made from the code. */
export interface Artefact {
  /** From the project's root. */
  readonly path: string;
  readonly generate: () => string | Promise<string>;
}

/** Every generated file. A test holds the committed ones in step. */
export const artefacts: readonly Artefact[] = [
  { path: "schema/json/policy.schema.json", generate: () => json(policyJsonSchema()) },
];

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  for (const { path, generate } of artefacts) {
    await Bun.write(new URL(`../${path}`, import.meta.url), await generate());
    console.log(`wrote ${path}`);
  }
}
