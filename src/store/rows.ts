import type { Application, GatewayKey, Labels, Organisation, Team } from "../core/control.ts";
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
  };
}

function toLabels(text: string): Labels {
  return JSON.parse(text) as Labels;
}
