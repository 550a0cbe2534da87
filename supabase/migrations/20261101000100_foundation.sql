-- Extensions, schemas, and the small functions that every other migration uses.
--   public   tables under row-level security, and the verbs that shoppers and staff call
--   private  what no API exposes: the verbs' bodies, queues' bookkeeping, helpers of policies
--   engine   verbs of the functions; exposed, but only to the service role
set lock_timeout = '5s';
set statement_timeout = '60s';

create extension if not exists pgmq;
create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron;

create schema private;
comment on schema private is 'Not exposed by any API.';
create schema engine;
comment on schema engine is 'Verbs of the functions: claim work, finish work. Service role only.';

-- Whoever may call a function is said beside it.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke execute on functions from anon, authenticated;

grant usage on schema private to anon, authenticated, service_role;
grant usage on schema engine to service_role;

create function private.is_staff() returns boolean
language sql stable
set search_path = ''
as $$
  select coalesce((select auth.jwt()) -> 'app_metadata' ->> 'role' = 'staff', false)
$$;
comment on function private.is_staff() is
'Whether the caller works in the shop: said by app_metadata, which users cannot edit.';
grant execute on function private.is_staff() to anon, authenticated, service_role;

create function private.refuse(
  http_status integer, code text, message text, context jsonb default null
) returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using
    errcode = 'PT' || http_status, message = message, detail = code, hint = coalesce(context::text, '');
end
$$;
comment on function private.refuse(integer, text, text, jsonb) is
'Refuse a call: REST answers this HTTP status, the stable code as `details`, JSON context as `hint`.';

create function private.forbid_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
comment on function private.forbid_change() is 'Trigger: what is written in a ledger stays.';

create function private.touch() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function private.touch() is 'Trigger: updated_at says when the row last changed.';
