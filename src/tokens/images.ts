import type { ModelInfo } from "../core/ports.ts";
import type { PromptPart } from "../core/wire.ts";
import { claude, oldClaude } from "./overheads.ts";

type Image = PromptPart["images"][number];
interface Size {
  readonly width: number;
  readonly height: number;
}

/** How a family of models charges an image. */
type Pricing =
  | { readonly by: "tiles"; readonly base: number; readonly tile: number }
  | { readonly by: "patches"; readonly factor: number }
  | { readonly by: "area"; readonly most: number };

/**
 * By the beginning of the model's name, the first that fits. Source: OpenAI's vision guide (tiles of 512 px after scaling into
 * 2048 px and to a shortest side of 768 px; patches of 32 px, at most 1,536) and Anthropic's (width x height / 750).
 */
const families: readonly (readonly [name: RegExp, pricing: Pricing])[] = [
  [/^gpt-4o-mini/, { by: "tiles", base: 2833, tile: 5667 }],
  [/^(?:gpt-4\.1|gpt-5)-mini/, { by: "patches", factor: 1.62 }],
  [/^(?:gpt-4\.1|gpt-5)-nano/, { by: "patches", factor: 2.46 }],
  [/^o4-mini/, { by: "patches", factor: 1.72 }],
  [/^o[13]/, { by: "tiles", base: 75, tile: 150 }],
  [oldClaude, { by: "area", most: 1600 }],
  [claude, { by: "area", most: 4784 }],
];
/** gpt-4o's, and what is assumed of every model that is not listed. */
const usual: Pricing = { by: "tiles", base: 85, tile: 170 };

const tilePixels = 512;
const mostTiles = 8; // 2048 x 768, the largest that remains after scaling
const patchPixels = 32;
const mostPatches = 1536;

/** Tokens of an image. One whose size the request does not tell is taken to be as large as it can be. */
export function imageTokens(image: Image, model: ModelInfo): number {
  const name = model.id.toLowerCase();
  return charge(image, families.find(([start]) => start.test(name))?.[1] ?? usual);
}

/** The most that an image costs on any model. */
export function imageBound(image: Image): number {
  return Math.max(charge(image, usual), ...families.map(([, pricing]) => charge(image, pricing)));
}

function charge(image: Image, pricing: Pricing): number {
  const size = sizeOf(image);
  switch (pricing.by) {
    case "tiles":
      if (image.detail === "low") return pricing.base;
      return pricing.base + pricing.tile * (size === null ? mostTiles : tiles(size));
    case "patches":
      return Math.ceil(pricing.factor * (size === null ? mostPatches : patches(size)));
    case "area":
      return size === null ? pricing.most : Math.min(pricing.most, Math.ceil((size.width * size.height) / 750));
  }
}

/** The size is the client's word: what is no size is as unknown as a missing one. */
function sizeOf({ width, height }: Image): Size | null {
  return width !== undefined && height !== undefined && width >= 1 && height >= 1 ? { width, height } : null;
}

function tiles({ width, height }: Size): number {
  const fit = Math.min(1, 2048 / Math.max(width, height));
  const shorten = Math.min(1, 768 / (Math.min(width, height) * fit));
  const count = (pixels: number) => Math.max(1, Math.ceil(Math.round(pixels * fit * shorten) / tilePixels));
  return Math.min(mostTiles, count(width) * count(height));
}

function patches({ width, height }: Size): number {
  return Math.min(mostPatches, Math.ceil(width / patchPixels) * Math.ceil(height / patchPixels));
}
