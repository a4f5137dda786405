-- What the control plane lays over the policies of git, and what became of it.

-- Policies that the admin API made. A deleted one keeps its row, so that its versions go on where they ended.
create table db_policies (
  id text not null primary key,
  content text not null,
  status text not null,
  enabled integer not null,
  deleted_at bigint,
  actor text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null
);

-- How a database policy stood after each change.
create table policy_versions (
  policy_id text not null references db_policies (id),
  version integer not null,
  content text not null,
  status text not null,
  enabled integer not null,
  action text not null,
  actor text not null,
  at bigint not null,
  primary key (policy_id, version)
);

-- `binding`: the policy is attached to the application. `setting`: what was tuned in it, for the application or, when
-- that is empty, for all. Policies of git are named here too, so nothing is referred to. A binding that was taken away
-- keeps its row, as a setting does that says nothing any more.
create table policy_items (
  kind text not null,
  policy_id text not null,
  application_id text not null,
  params text not null,
  mode text,
  deleted_at bigint,
  actor text not null,
  version integer not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (kind, policy_id, application_id)
);

create index policy_items_by_application on policy_items (application_id);

-- Break-glass and maintenance. Those that expired have `ended_at` as well, and nobody who ended them.
create table interventions (
  id text not null primary key,
  kind text not null,
  policy_id text not null,
  rule text not null,
  scope text not null,
  action text not null,
  message text not null,
  retry_after_seconds integer,
  reason text not null,
  actor text not null,
  created_at bigint not null,
  expires_at bigint not null,
  ended_at bigint,
  ended_by text not null
);

create index interventions_open on interventions (expires_at) where ended_at is null;

-- Who changed what, and when. Ids begin with their time.
create table policy_changes (
  id text not null primary key,
  at bigint not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail text not null
);

create index policy_changes_by_subject on policy_changes (subject, id);
