import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { CountingThread } from "./counting-thread.ts";
import { countTexts, encodings } from "./encoder.ts";

const thread = new CountingThread();
afterAll(() => thread.close());

const sentence = "The quick brown fox jumps over the lazy dog, 12345 times a day. ";

describe("the counting thread", () => {
  test("counts as the same code does without it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...encodings),
        fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.lorem(), fc.constant(sentence.repeat(600)))),
        async (encoding, texts) => {
          expect(await thread.count(encoding, texts)).toEqual(countTexts(encoding, texts) as never);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("answers each of many jobs with its own counts", async () => {
    const jobs = Array.from({ length: 200 }, (_, i) => [sentence.repeat((i % 7) + 1), `job ${i}`]);
    const encoding = (i: number) => encodings[i % 2]!;
    const counted = await Promise.all(jobs.map((texts, i) => thread.count(encoding(i), texts)));
    expect(counted).toEqual(jobs.map((texts, i) => countTexts(encoding(i), texts) as never));
  });

  test("lets the main thread go on while it counts", async () => {
    let ticks = 0;
    let counting = true;
    const tick = () => {
      ticks += 1;
      if (counting) setImmediate(tick);
    };
    setImmediate(tick);
    const [count] = (await thread.count("o200k_base", [sentence.repeat(8_000)])) ?? [];
    counting = false;
    expect(count?.tokens).toBeGreaterThan(100_000);
    // Hundreds of thousands of turns fit in; had the count blocked, there would be one.
    expect(ticks).toBeGreaterThan(100);
  });

  test("finishes a short job before a long one that came first", async () => {
    const order: string[] = [];
    const long = thread.count("o200k_base", [sentence.repeat(8_000)]).then(() => order.push("long"));
    const short = thread.count("o200k_base", ["short"]).then(() => order.push("short"));
    await Promise.all([long, short]);
    expect(order).toEqual(["short", "long"]);
  });

  test.each([
    ["letters", "a", 1_000_000],
    ["spaces", " ", 1_000_000],
    ["emoji", "😀", 100_000],
    ["ideographs without punctuation", "漢", 100_000],
  ])("is not stuck on a run of %s", async (_name, unit, times) => {
    const [count] = (await thread.count("o200k_base", [unit.repeat(times)])) ?? [];
    expect(count?.tokens).toBeGreaterThan(0);
  });

  test("does not keep the process alive", async () => {
    const script = `
      const { CountingThread } = await import(${JSON.stringify(join(import.meta.dir, "counting-thread.ts"))});
      await new CountingThread().count("cl100k_base", ["hello"]);
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stderr: "inherit" });
    expect(await child.exited).toBe(0);
  });
});
