import { fileURLToPath } from "node:url";
import project from "../package.json";
import { createAdmin } from "../src/admin/admin.ts";
import type { AdminDeps } from "../src/admin/deps.ts";
import { createOpenApiDocument } from "../src/admin/openapi.ts";
import { configJsonSchema, configReference, envExample } from "../src/config/reference.ts";
import { factsJsonSchema } from "../src/policy/fact-schema.ts";
import { libraryReference } from "../src/policy/library-reference.ts";
import { checksReference, factsReference, modificationsReference } from "../src/policy/reference.ts";
import { policyJsonSchema } from "../src/policy/schema.ts";
import { kindJsonSchemas } from "../src/policy/schema-kinds.ts";
import { testJsonSchema } from "../src/policy/test/schema.ts";
import { pluginsReference } from "../src/registry/reference.ts";
import { discoverPlugins } from "../src/registry/registry.ts";

const plugins = fileURLToPath(new URL("../plugins", import.meta.url));
const policies = fileURLToPath(new URL("../policies", import.meta.url));

/** A committed file that is made from the code. */
export interface Artefact {
  /** From the project's root. */
  readonly path: string;
  readonly generate: () => string | Promise<string>;
}

/** Every generated file. A test holds the committed ones in step. */
export const artefacts: readonly Artefact[] = [
  { path: ".env.example", generate: envExample },
  { path: "CONFIGURATION.md", generate: configReference },
  { path: "schema/json/config.schema.json", generate: () => json(configJsonSchema()) },
  { path: "schema/json/policy.schema.json", generate: () => json(policyJsonSchema()) },
  ...Object.entries(kindJsonSchemas()).map(([kind, schema]) => ({
    path: `schema/json/${kind}.schema.json`,
    generate: () => json(schema),
  })),
  { path: "schema/json/facts.schema.json", generate: () => json(factsJsonSchema()) },
  { path: "schema/reference/facts.md", generate: factsReference },
  { path: "schema/reference/modifications.md", generate: modificationsReference },
  { path: "schema/reference/checks.md", generate: checksReference },
  {
    path: "schema/reference/plugins.md",
    generate: async () => pluginsReference((await discoverPlugins(plugins)).list()),
  },
  { path: "policies/library/README.md", generate: () => libraryReference(policies) },
  { path: "schema/json/test.schema.json", generate: () => json(testJsonSchema()) },
  {
    path: "schema/openapi.json",
    // Nothing of the dependencies is called before the first request.
    generate: async () => json(await createOpenApiDocument(createAdmin({} as AdminDeps), project.version)),
  },
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
