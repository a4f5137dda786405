import type { Changed, Labels, Page, PageRequest } from "./resources.ts";
import type { Restriction } from "./restrictions.ts";

/**
 * What an application is set to be in one environment: what all its keys of that environment have in common. An
 * environment without one is as the application is.
 */
export interface EnvironmentConfig extends Restriction {
  readonly application: string;
  /** As keys name it, such as `prod`. */
  readonly env: string;
  /** Laid over the application's labels: policies read them as `app.labels`. */
  readonly labels: Labels;
  /** Refuses its keys. */
  readonly disabled: boolean;
  /** Calls whose records could not be kept are refused rather than made. */
  readonly strict: boolean;
  /** Lets records keep texts of prompts, which they otherwise never do. */
  readonly keepsText: boolean;
  /** Grows by one with each change, deletions included. */
  readonly version: number;
  /** Milliseconds since the epoch, as all times. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** All that can be set. */
export type EnvironmentSettings = Omit<
  EnvironmentConfig,
  "application" | "env" | "version" | "createdAt" | "updatedAt"
>;

/** Keeps what applications are in their environments. What the methods change is announced to all replicas. */
export interface Environments {
  /** By the environment's name. */
  list(application: string, page: PageRequest): Promise<Page<EnvironmentConfig>>;
  find(application: string, env: string): Promise<EnvironmentConfig | null>;
  /**
   * Sets all of it, also where there was none.
   *
   * @param version the version the change was made for, 0 for none; `null` for whatever stands
   * @returns `missing` when there is no such application
   */
  put(
    application: string,
    env: string,
    settings: EnvironmentSettings,
    version: number | null,
    actor: string,
  ): Promise<Changed<EnvironmentConfig>>;
  /** Takes it away: the environment is then as the application is. */
  remove(application: string, env: string, version: number | null, actor: string): Promise<Changed<EnvironmentConfig>>;
}
