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

-- Sums over the ledger by day (its beginning, UTC) and by what is asked for, changed with each batch of ledger rows in the
-- same transaction. They stay when the ledger's rows go.
create table usage_rollups (
  day bigint not null,
  org text not null,
  team text not null,
  app text not null,
  env text not null,
  key_id text not null,
  surface text not null,
  provider text not null,
  model text not null,
  decision text not null,
  requests bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  total_tokens bigint not null,
  cached_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  cost_nano_usd bigint not null,
  unpriced_requests bigint not null,
  failed_requests bigint not null,
  latency_ms double precision not null,
  ttft_ms double precision not null,
  primary key (day, org, team, app, env, key_id, surface, provider, model, decision)
);

insert into usage_rollups (
  day, org, team, app, env, key_id, surface, provider, model, decision, requests, prompt_tokens, completion_tokens,
  total_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost_nano_usd, unpriced_requests, failed_requests,
  latency_ms, ttft_ms
)
select
  ts - ts % 86400000, org, team, app, env, key_id, surface, provider, model, decision, count(*), sum(prompt_tokens),
  sum(completion_tokens), sum(total_tokens), sum(coalesce(cached_tokens, 0)), sum(coalesce(cache_write_tokens, 0)),
  sum(coalesce(reasoning_tokens, 0)), sum(coalesce(cost_nano_usd, 0)),
  sum(case when cost_nano_usd is null then 1 else 0 end), sum(case when status >= 500 then 1 else 0 end),
  sum(latency_ms), sum(ttft_ms)
from usage
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
