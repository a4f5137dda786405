/** A value of JSON. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** A place in the arguments of a call, such as `filter.user.id` or `files.*.path`; `*` stands for every element or member. */
export type Path = readonly string[];

/** Reads a place that is written with dots. */
export function parsePath(written: string): Path {
  return written.split(".");
}

/** The values at a place: none where it is not there, several where it has stars. */
export function valuesAt(value: Value, path: Path, depth = 0): readonly Value[] {
  const step = path[depth];
  if (step === undefined) return [value];
  if (typeof value !== "object" || value === null) return [];
  if (step === "*") return Object.values(value).flatMap((one: Value) => valuesAt(one, path, depth + 1));
  if (!Object.hasOwn(value, step)) return [];
  return valuesAt((value as { readonly [key: string]: Value })[step]!, path, depth + 1);
}

/**
 * The value with another one at a place; `undefined` takes it away. Where there is nothing at the place, an object gets the
 * last member of it, if that has a name; anything else stays as it is.
 */
export function withValue(
  value: Value,
  path: Path,
  change: (old: Value | undefined) => Value | undefined,
  depth = 0,
): Value {
  const step = path[depth]!;
  if (typeof value !== "object" || value === null) return value;
  const last = depth === path.length - 1;
  const isList = Array.isArray(value);
  const members: [string, Value][] = Object.entries(value);
  const known = step === "*" || Object.hasOwn(value, step);
  if (!known && (!last || isList)) return value;
  const changed = members.flatMap(([key, member]): [string, Value][] => {
    if (step !== "*" && key !== step) return [[key, member]];
    const now = last ? change(member) : withValue(member, path, change, depth + 1);
    return now === undefined ? [] : [[key, now]];
  });
  if (!known) {
    const added = change(undefined);
    if (added !== undefined) changed.push([step, added]);
  }
  return isList ? changed.map(([, member]) => member) : Object.fromEntries(changed);
}
