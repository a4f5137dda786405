-- What the gateway did: one usage row per call, one decision row per phase of a call.
-- Nothing refers to the control plane's tables: records outlive what they are about. No prompt text, no secrets.
-- The primary keys begin with the time, so that rows are added at the end and a range of time is a range of rows.

create table usage (
  ts bigint not null,
  request_id text not null,
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
  primary key (ts, request_id)
);

create index usage_by_request on usage (request_id);

create index usage_by_app on usage (app, ts);

-- `phase_order` keeps the phases of one request in the order in which they were asked.
create table decisions (
  ts bigint not null,
  decision_id text not null,
  phase_order integer not null,
  phase text not null,
  request_id text not null,
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
  primary key (ts, decision_id, phase_order)
);

create index decisions_by_request on decisions (request_id);
