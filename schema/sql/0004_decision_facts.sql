-- What the rules of a decision read, as JSON, so that it can be explained and made again; null when that was not kept.
-- A decision that stands in the ledger keeps none.

alter table decisions add column facts text;

drop view decision_log;

create view decision_log as
select
  ts, request_id, phase_order, phase, revision, org, app, env, key_id, surface, model, effect, outcome, code,
  decided, not_applicable, errors, reasons, modifications, micros, facts
from decisions
union all
select
  ts, request_id, cast(0 as integer), cast('request' as text), revision, org, app, env, key_id, surface, model,
  cast('allow' as text), outcome, cast('' as text),
  decided, not_applicable, errors, cast('[]' as text), cast('[]' as text), micros, cast(null as text)
from usage
where outcome is not null;
