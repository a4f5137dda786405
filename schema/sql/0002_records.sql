-- What the gateway did: one usage row per call, one decision per phase of a call.
-- Nothing refers to the control plane's tables: records outlive what they are about. No prompt text, no secrets.
-- Every index is paid for by every call, so there are few. The ids of requests begin with their time, which keeps the
-- rows of one moment together in the indexes that begin with them, too.

-- The columns from `revision` on are the decision of the request phase when it has no reasons, else null: most calls
-- are decided so, and are written as this one row.
create table usage (
  ts bigint not null,
  request_id text not null primary key,
  org text not null,
  team text not null,
  app text not null,
  env text not null,
  key_id text not null,
  user_hash text not null,
  surface text not null,
  provider text not null,
  model text not null,
  served_model text not null,
  stream integer not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  total_tokens bigint not null,
  cached_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  cost_nano_usd bigint,
  price_date text not null,
  provenance text not null,
  request_bytes bigint not null,
  response_bytes bigint not null,
  latency_ms double precision not null,
  ttft_ms double precision not null,
  status integer not null,
  decision text not null,
  code text not null,
  revision text,
  outcome text,
  decided integer,
  not_applicable integer,
  errors integer,
  micros double precision
);

create index usage_by_time on usage (ts);

create index usage_by_app on usage (app, ts);

-- `phase_order` keeps the phases of one request in the order in which they were asked.
create table decisions (
  ts bigint not null,
  request_id text not null,
  phase_order integer not null,
  phase text not null,
  revision text not null,
  org text not null,
  app text not null,
  env text not null,
  key_id text not null,
  surface text not null,
  model text not null,
  effect text not null,
  outcome text not null,
  code text not null,
  decided integer not null,
  not_applicable integer not null,
  errors integer not null,
  reasons text not null,
  modifications text not null,
  micros double precision not null,
  primary key (request_id, phase_order)
);

create index decisions_by_time on decisions (ts);

-- Every decision, wherever it stands. The casts make the columns of both halves alike, without which conditions on the
-- view would not reach the tables' indexes.
create view decision_log as
select
  ts, request_id, phase_order, phase, revision, org, app, env, key_id, surface, model, effect, outcome, code,
  decided, not_applicable, errors, reasons, modifications, micros
from decisions
union all
select
  ts, request_id, cast(0 as integer), cast('request' as text), revision, org, app, env, key_id, surface, model,
  cast('allow' as text), outcome, cast('' as text),
  decided, not_applicable, errors, cast('[]' as text), cast('[]' as text), micros
from usage
where outcome is not null;
