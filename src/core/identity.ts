import type { HeldTo } from "./restrictions.ts";

/**
 * Who is calling, as the gateway key says. Made once per key and replaced, never changed, when anything in it
 * changes: caches keyed by the object can therefore never be stale.
 */
export interface Identity {
  readonly org: { readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly timeZone: string };
  /** `id` is empty when the application belongs to no team. */
  readonly team: { readonly id: string };
  readonly app: {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  /** The environment the key was minted for, such as `prod`. */
  readonly env: string;
  readonly key: { readonly id: string };
  /** What the key and its environment are held to; absent when to nothing. */
  readonly heldTo?: readonly HeldTo[];
  /** Calls whose records could not be kept are refused rather than made; absent when they are made all the same. */
  readonly strict?: true;
  /** Records may keep texts of prompts; absent when they never do. */
  readonly keepsText?: true;
}
