-- What organisations, applications, keys and models can have besides.

-- Deleted organisations and teams keep their rows, so that their ids are never given to others.
alter table organisations add column deleted_at bigint;
create unique index organisations_by_name on organisations (name) where deleted_at is null;
alter table teams add column deleted_at bigint;
drop index teams_by_name;
create unique index teams_by_name on teams (organisation_id, name) where deleted_at is null;
create index applications_by_team on applications (team_id) where deleted_at is null;

-- What a key may be used for, as JSON lists; null for anything.
alter table gateway_keys add column surfaces text;
alter table gateway_keys add column models text;
alter table gateway_keys add column networks text;
-- The key that was minted in its place.
alter table gateway_keys add column replaced_by text;
alter table gateway_keys add column version integer not null default 1;

-- What an application is in one environment. A deleted one keeps its row, so that its versions go on where they ended.
create table application_configs (
  application_id text not null references applications (id),
  env text not null,
  labels text not null,
  disabled integer not null,
  strict integer not null,
  keeps_text integer not null,
  surfaces text,
  models text,
  networks text,
  deleted_at bigint,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (application_id, env)
);

-- Requests that were made under an idempotency key: digests of them, and their answers, sealed for who sent them.
create table idempotency_keys (
  id text not null primary key,
  operator text not null,
  fingerprint text not null,
  answer text,
  created_at bigint not null
);

create index idempotency_keys_by_operator on idempotency_keys (operator, created_at);
create index idempotency_keys_by_time on idempotency_keys (created_at);

-- Models that were made here: names that clients use, and where each goes. Switching them stands in model_states.
create table models (
  id text not null primary key,
  targets text not null,
  price text,
  price_waived integer not null,
  actor text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);
