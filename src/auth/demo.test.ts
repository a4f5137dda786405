import { expect, test } from "bun:test";
import { createTestLogger, temporaryStore } from "../store/testing.ts";
import { ensureDemo } from "./demo.ts";
import { createKeyDirectory } from "./key-directory.ts";
import { createKeyMint } from "./key-mint.ts";

test("the demo application and its key are made at the first start only, and not again after they were deleted", async () => {
  await using store = await temporaryStore();
  const { applications, keys, clock } = store;
  const checkSecret = await store.sharedSecret("gateway-keys");
  const mint = createKeyMint({ keys, clock, checkSecret });
  const first = await ensureDemo({ applications, mint });
  if (!first.created) throw new Error("the first start makes the demo application");
  const directory = createKeyDirectory({ keys, clock, logger: createTestLogger(), checkSecret });
  expect(await directory.identify(first.key)).toMatchObject({ app: { id: "demo", name: "demo" }, env: "dev" });
  expect(await ensureDemo({ applications, mint })).toEqual({ created: false });
  await applications.remove("demo", null);
  expect(await ensureDemo({ applications, mint })).toEqual({ created: false });
  await directory.close();
});
