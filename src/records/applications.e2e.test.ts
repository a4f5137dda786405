import { expect, test } from "bun:test";
import { startHarness, until } from "../gateway/e2e-harness.ts";

const call = { model: "echo", messages: [{ role: "user", content: "the secret plan" }] };

test("a strict application is refused while records cannot be stored, and no other is", async () => {
  let isAway = false;
  const records = {
    encodeUsage: () => "1",
    encodeDecision: () => "1",
    append: () => (isAway ? Promise.reject(new Error("it is away")) : Promise.resolve()),
  };
  await using sluice = await startHarness({ replaced: { records } });
  const ask = () => sluice.post("/v1/chat/completions", call);
  const setStrict = (strict: boolean) =>
    sluice.admin("applications/demo/configs/dev", { method: "PUT", body: { strict } });
  await setStrict(true);
  expect((await ask()).status).toBe(200);
  isAway = true;
  // What was recorded last shows that the store is away.
  const refused = await until(async () => {
    const answer = await ask();
    return answer.status === 503 && answer;
  });
  expect(await refused.json()).toMatchObject({ error: { code: "records_unavailable" } });
  await setStrict(false);
  expect((await ask()).status).toBe(200);
  await setStrict(true);
  expect((await ask()).status).toBe(503);
  isAway = false;
  await until(async () => (await ask()).status === 200);
});

test("texts of prompts are in records of who wants them kept, and of nobody else", async () => {
  await using sluice = await startHarness();
  const textOf = async () => {
    const answer = await sluice.post("/v1/chat/completions", call);
    const id = answer.headers.get("sluice-request-id");
    return until(async () => {
      const { data } = (await sluice.admin(`decisions?request_id=${id}&phase=request`)) as {
        data: { text: unknown }[];
      };
      return data[0];
    });
  };
  expect((await textOf()).text).toBeNull();
  await sluice.admin("applications/demo/configs/dev", { method: "PUT", body: { keep_text: true } });
  expect((await textOf()).text).toEqual(["the secret plan"]);
});
