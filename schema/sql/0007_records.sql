-- The audit log, and what is summed up and kept of records.

-- Who changed what in the control plane, and when. Rows are only ever added: each has the hash of the one before it.
-- `organisation` is null for what belongs to the whole deployment.
create table audit (
  seq bigint not null primary key,
  at bigint not null,
  organisation text,
  actor text not null,
  action text not null,
  subject text not null,
  detail text not null,
  prev text not null,
  hash text not null
);

create index audit_by_subject on audit (subject, seq);

create index audit_by_organisation on audit (organisation, seq);

-- Where the log ends: one row. Whoever adds entries changes it in the same transaction and so keeps others waiting, which
-- makes one chain of what several processes write.
create table audit_head (
  name text not null primary key,
  last_seq bigint not null,
  last_hash text not null
);

insert into audit_head (name, last_seq, last_hash)
values ('audit', 0, '0000000000000000000000000000000000000000000000000000000000000000');

drop table policy_changes;
