/** A replica's place among those that live. */
export interface Place {
  /** From 0, in the order of the replicas' names. */
  readonly rank: number;
  /** How many live, at least 1. */
  readonly replicas: number;
}

/**
 * A replica's part of a maximum. The parts of all replicas are the maximum together, so where there are fewer units than
 * replicas some have none.
 */
export function shareOf(max: number, { rank, replicas }: Place): number {
  return Math.floor(max / replicas) + (rank < max % replicas ? 1 : 0);
}
