import { expect, test } from "bun:test";
import { sizeOfBase64, sizeOfDataUrl } from "./image-size.ts";
import { tinyPng } from "./testing.ts";

const base64 = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
  ).toString("base64");
const padding = new Array<number>(40).fill(0);

test("the size stands in the header of each format", () => {
  const images: readonly [string, string, { width: number; height: number }][] = [
    ["PNG", tinyPng, { width: 1, height: 2 }],
    ["GIF", base64("GIF89a", [0x40, 1, 0xf0, 0], padding), { width: 320, height: 240 }],
    [
      "JPEG",
      base64([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc4, 0, 2, 0xff, 0xc2, 0, 17, 8, 0, 200, 1, 44], padding),
      { width: 300, height: 200 },
    ],
    [
      "WebP, lossy",
      base64("RIFF", [0, 0, 0, 0], "WEBPVP8 ", new Array<number>(10).fill(0), [0x80, 2, 0xe0, 1], padding),
      { width: 640, height: 480 },
    ],
    [
      "WebP, lossless",
      base64("RIFF", [0, 0, 0, 0], "WEBPVP8L", [0, 0, 0, 0, 0x2f, 0x7f, 0xc2, 0x77, 0], padding),
      { width: 640, height: 480 },
    ],
    [
      "WebP, extended",
      base64("RIFF", [0, 0, 0, 0], "WEBPVP8X", new Array<number>(8).fill(0), [0x7f, 2, 0, 0xdf, 1, 0], padding),
      { width: 640, height: 480 },
    ],
  ];
  for (const [name, data, size] of images) expect([name, sizeOfBase64(data)]).toEqual([name, size]);
});

test("what tells no size has none", () => {
  expect(sizeOfDataUrl("https://example.com/a.png")).toBeUndefined();
  expect(sizeOfDataUrl("data:image/png,raw")).toBeUndefined();
  expect(sizeOfDataUrl("data:image/png;base64")).toBeUndefined();
  expect(sizeOfDataUrl(`data:image/png;base64,${tinyPng.slice(0, 20)}`)).toBeUndefined();
  expect(sizeOfBase64(base64("nothing known", padding))).toBeUndefined();
  expect(sizeOfBase64(base64([0xff, 0xd8, 0xff, 0xe0, 0, 0], padding))).toBeUndefined();
  expect(sizeOfDataUrl(`data:image/png;base64,${tinyPng}`)).toEqual({ width: 1, height: 2 });
});
