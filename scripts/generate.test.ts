import { expect, test } from "bun:test";
import { artefacts } from "./generate.ts";

test.each(artefacts.map((artefact) => [artefact.path, artefact] as const))(
  "%s is what the code generates; run `bun scripts/generate.ts`",
  async (path, { generate }) => {
    const committed = await Bun.file(new URL(`../${path}`, import.meta.url)).text();
    expect(committed).toBe(await generate());
  },
);
