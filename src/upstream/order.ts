/** What the order of targets depends on. */
export interface Ranked {
  /** Lower goes first. */
  readonly priority: number;
  /** Share of the calls among those of the same priority; with 0 it comes when all others failed. */
  readonly weight: number;
}

/**
 * Orders targets for one call: by priority, and inside one priority drawn by weight, so that each comes first in its share
 * of the calls, and what it cannot take is spread over the rest by their weights again.
 *
 * @param ranked by priority already
 * @param random 0 to 1, asked anew for each draw
 */
export function orderTargets<T extends Ranked>(ranked: readonly T[], random: () => number): T[] {
  const left = [...ranked];
  for (let i = 0; i < left.length - 1; i += 1) {
    const { priority } = left[i]!;
    let total = 0;
    let end = i;
    for (; end < left.length && left[end]!.priority === priority; end += 1) total += left[end]!.weight;
    if (end - i < 2 || total === 0) continue;
    let point = random() * total;
    let drawn = i;
    for (let j = i; j < end; j += 1) {
      const { weight } = left[j]!;
      if (weight === 0) continue;
      drawn = j;
      point -= weight;
      if (point < 0) break;
    }
    const [first] = left.splice(drawn, 1);
    left.splice(i, 0, first!);
  }
  return left;
}
