-- What the replicas of one database tell each other, and which models are switched off.

-- Where the numbers of `changes` come from: one row, changed last in a transaction. Whoever changes it keeps others
-- waiting until it is committed, so numbers become visible in their order and without gaps.
create table change_count (
  name text not null primary key,
  last_seq bigint not null
);

insert into change_count (name, last_seq) values ('changes', 0);

-- What was changed lately, for replicas that remember it. Old rows go; who misses some takes everything for changed.
create table changes (
  seq bigint not null primary key,
  topic text not null,
  subject text not null,
  origin text not null,
  at bigint not null
);

-- Models that the control plane has switched off, or on again. A model without a row is on.
create table model_states (
  id text not null primary key,
  enabled integer not null,
  reason text not null,
  actor text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);
