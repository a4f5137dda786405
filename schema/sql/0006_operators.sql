-- Who is at the admin surface: keys that owners mint, each with a role, for one organisation or for all.

-- A revoked key keeps its row, so that what it did can still be told by whom.
create table admin_keys (
  id text not null primary key,
  name text not null,
  role text not null,
  organisation_id text references organisations (id),
  secret_hash text not null,
  last_four text not null,
  created_by text not null,
  rotated_from text,
  replaced_by text,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint,
  last_used_at bigint
);

create index admin_keys_by_organisation on admin_keys (organisation_id, id);
