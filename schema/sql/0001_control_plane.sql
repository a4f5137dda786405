-- Who uses the gateway: organisations, their teams and applications, and the applications' keys.
-- Portable SQL: times are milliseconds since the epoch, truth values 0 or 1, labels JSON text.

create table organisations (
  id text not null primary key,
  name text not null,
  time_zone text not null,
  labels text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);

create table teams (
  id text not null primary key,
  organisation_id text not null references organisations (id),
  name text not null,
  labels text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);

create unique index teams_by_name on teams (organisation_id, name);

-- A deleted application keeps its row, so that its id is never given to another one.
create table applications (
  id text not null primary key,
  organisation_id text not null references organisations (id),
  team_id text references teams (id),
  name text not null,
  labels text not null,
  disabled integer not null,
  deleted_at bigint,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);

create unique index applications_by_name on applications (organisation_id, name) where deleted_at is null;

create table gateway_keys (
  id text not null primary key,
  application_id text not null references applications (id),
  env text not null,
  name text not null,
  secret_hash text not null,
  last_four text not null,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  last_used_at bigint
);

create index gateway_keys_by_application on gateway_keys (application_id);

-- Values that every replica shares, such as what the check characters of key ids are made with.
create table settings (
  name text not null primary key,
  value text not null
);
