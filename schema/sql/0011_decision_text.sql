-- The texts of the prompt, as a JSON array: only of applications that want them kept, else null.

alter table decisions add column text text;

drop view decision_log;

create view decision_log as
select
  ts, request_id, phase_order, phase, revision, org, app, env, key_id, surface, model, effect, outcome, code,
  decided, not_applicable, errors, reasons, modifications, micros, facts, policy, rule, text
from decisions
union all
select
  ts, request_id, cast(0 as integer), cast('request' as text), revision, org, app, env, key_id, surface, model,
  cast('allow' as text), outcome, cast('' as text),
  decided, not_applicable, errors, cast('[]' as text), cast('[]' as text), micros, cast(null as text),
  cast('' as text), cast('' as text), cast(null as text)
from usage
where outcome is not null;
