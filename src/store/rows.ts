import type { EnvironmentConfig } from "../core/environments.ts";
import type { GatewayKey } from "../core/keys.ts";
import type { Surface } from "../core/phases.ts";
import type { Labels } from "../core/resources.ts";
import type { Restriction } from "../core/restrictions.ts";
import type { Application, Organisation, Team } from "../core/tenants.ts";
import type { Row } from "./tables.ts";

/** An organisation as stored, as the core knows it. */
export function toOrganisation(row: Row<"organisations">): Organisation {
  return {
    id: row.id,
    name: row.name,
    timeZone: row.time_zone,
    labels: toLabels(row.labels),
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A team as stored, as the core knows it. */
export function toTeam(row: Row<"teams">): Team {
  return {
    id: row.id,
    organisation: row.organisation_id,
    name: row.name,
    labels: toLabels(row.labels),
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** An application as stored, as the core knows it. */
export function toApplication(row: Row<"applications">): Application {
  return {
    id: row.id,
    organisation: row.organisation_id,
    team: row.team_id ?? "",
    name: row.name,
    labels: toLabels(row.labels),
    disabled: row.disabled !== 0,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A key as stored, as the core knows it. */
export function toGatewayKey(row: Row<"gateway_keys">): GatewayKey {
  return {
    id: row.id,
    application: row.application_id,
    env: row.env,
    name: row.name,
    secretHash: row.secret_hash,
    lastFour: row.last_four,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    version: row.version,
    restriction: toRestriction(row),
    replacedBy: row.replaced_by ?? "",
  };
}

/** What an application is in an environment as stored, as the core knows it. */
export function toEnvironmentConfig(row: Row<"application_configs">): EnvironmentConfig {
  return {
    application: row.application_id,
    env: row.env,
    labels: toLabels(row.labels),
    disabled: row.disabled !== 0,
    strict: row.strict !== 0,
    keepsText: row.keeps_text !== 0,
    ...toRestriction(row),
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The columns of a restriction. */
export type RestrictionColumns = Pick<Row<"gateway_keys">, keyof Restriction>;

/** A restriction as it is stored. */
export function fromRestriction({ surfaces, models, networks }: Restriction): RestrictionColumns {
  const list = (values: readonly string[] | null) => (values === null ? null : JSON.stringify(values));
  return { surfaces: list(surfaces), models: list(models), networks: list(networks) };
}

function toRestriction({ surfaces, models, networks }: RestrictionColumns): Restriction {
  return {
    surfaces: toList(surfaces) as readonly Surface[] | null,
    models: toList(models),
    networks: toList(networks),
  };
}

function toList(text: string | null): readonly string[] | null {
  return text === null ? null : (JSON.parse(text) as string[]);
}

function toLabels(text: string): Labels {
  return JSON.parse(text) as Labels;
}
