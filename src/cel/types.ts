import { narrow } from "./ints.ts";

/** The library's names of the types of time. */
export const TIMESTAMP = "google.protobuf.Timestamp";
export const DURATION = "google.protobuf.Duration";

type Conversion = (value: never) => unknown;

/** Turns values of a type from what compiled expressions hold to what the outside sees: ints are BigInts there. */
export function outside(type: string): (value: unknown) => unknown {
  return (conversion(type, (value: number | bigint) => BigInt(value)) ?? same) as (value: unknown) => unknown;
}

/** The other way round. */
export function inside(type: string): (value: unknown) => unknown {
  return (conversion(type, (value: bigint) => narrow(value)) ?? same) as (value: unknown) => unknown;
}

function conversion(type: string, int: Conversion): Conversion | null {
  if (type === "int") return int;
  const [, kind, rest] = /^(list|map)<(.*)>$/.exec(type) ?? [];
  if (kind === undefined) return null;
  const element = conversion(kind === "list" ? rest! : rest!.slice(rest!.indexOf(",") + 2), int) as
    | ((value: unknown) => unknown)
    | null;
  if (element === null) return null;
  if (kind === "list") return (list: readonly unknown[]) => list.map((value) => element(value));
  return (map: object) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, element(value)]));
}

function same(value: unknown): unknown {
  return value;
}
