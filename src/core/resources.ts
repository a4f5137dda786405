/** Text labels, as policies select by them. */
export type Labels = Readonly<Record<string, string>>;

/** What every stored resource has. `version` grows by one with each change and is what an ETag shows. */
export interface Versioned {
  readonly id: string;
  readonly version: number;
  /** Milliseconds since the epoch, like every time here. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Which part of a list is asked for. */
export interface PageRequest {
  /** 1 to 200. */
  readonly limit: number;
  /** Where the page before ended, as its `next` said; `null` for the first page. */
  readonly after: string | null;
}

/** One page of a list and where the next one begins; `null` when there is none. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly next: string | null;
}

/** What the lists of resources can be sorted by; the other way round with a `-` before it. */
export const resourceOrders = [
  "id",
  "-id",
  "name",
  "-name",
  "created_at",
  "-created_at",
  "updated_at",
  "-updated_at",
] as const;

/** One of the {@link resourceOrders}. */
export type ResourceOrder = (typeof resourceOrders)[number];

/** The outcome of a change that names the version it was made for. */
export type Changed<T> =
  | { readonly outcome: "changed"; readonly value: T }
  | { readonly outcome: "missing" }
  | { readonly outcome: "stale"; readonly version: number };
