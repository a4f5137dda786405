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
  await applications.remove("demo", null, "ann");
  expect(await ensureDemo({ applications, mint })).toEqual({ created: false });
  await directory.close();
});

test("of processes that start at the same time one makes the demo application, and none fails", async () => {
  await using store = await temporaryStore();
  const { keys, clock } = store;
  const mint = createKeyMint({ keys, clock, checkSecret: await store.sharedSecret("gateway-keys") });
  // All of them look before any of them makes it.
  const everybody = Promise.withResolvers<void>();
  let looked = 0;
  const applications = {
    ...store.applications,
    async any() {
      const any = await store.applications.any();
      looked += 1;
      if (looked === 3) everybody.resolve();
      await everybody.promise;
      return any;
    },
  };
  const made = await Promise.all([1, 2, 3].map(() => ensureDemo({ applications, mint })));
  expect(made.filter(({ created }) => created)).toHaveLength(1);
  expect((await store.applications.list({ limit: 5, after: null })).data).toHaveLength(1);
});
