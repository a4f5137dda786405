-- What all replicas of one database share.

-- The revision that is pinned, with its files: a replica that never had it can make it live. No row when none is.
create table pinned_revision (
  name text not null primary key,
  revision text not null,
  actor text not null,
  reason text not null,
  pinned_at bigint not null,
  files text not null
);
