-- The policy and the rule of the reason that explains a decision, to be counted and looked for; empty without one.

alter table decisions add column policy text not null default '';
alter table decisions add column rule text not null default '';

drop view decision_log;

create view decision_log as
select
  ts, request_id, phase_order, phase, revision, org, app, env, key_id, surface, model, effect, outcome, code,
  decided, not_applicable, errors, reasons, modifications, micros, facts, policy, rule
from decisions
union all
select
  ts, request_id, cast(0 as integer), cast('request' as text), revision, org, app, env, key_id, surface, model,
  cast('allow' as text), outcome, cast('' as text),
  decided, not_applicable, errors, cast('[]' as text), cast('[]' as text), micros, cast(null as text),
  cast('' as text), cast('' as text)
from usage
where outcome is not null;
