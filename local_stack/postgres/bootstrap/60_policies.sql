-- On Supabase, an extension (supautils) lets postgres manage policies and triggers of Storage's and
-- Realtime's tables, which it does not own, and no more. PostgreSQL itself gives that right only to the
-- owner's role: so postgres inherits it, and these event triggers take everything else away again.

grant supabase_storage_admin, supabase_realtime_admin to postgres with inherit true, set false;

create or replace function extensions.protect_platform() returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
  forbidden text;
begin
  if current_user <> 'postgres' then
    return;
  end if;
  if tg_event = 'sql_drop' then
    select object_identity into forbidden
    from pg_catalog.pg_event_trigger_dropped_objects()
    where array[schema_name, object_identity] && array['storage', 'realtime'] and original
      and object_type not in ('policy', 'trigger');
  else
    select object_identity into forbidden
    from pg_catalog.pg_event_trigger_ddl_commands()
    where array[schema_name, object_identity] && array['storage', 'realtime']
      and command_tag not in ('CREATE POLICY', 'ALTER POLICY', 'CREATE TRIGGER', 'COMMENT');
  end if;
  if forbidden is not null then
    raise exception 'must be owner of %', forbidden using errcode = '42501';
  end if;
end
$$;

drop event trigger if exists protect_platform;
create event trigger protect_platform on ddl_command_end execute function extensions.protect_platform();
drop event trigger if exists protect_platform_drop;
create event trigger protect_platform_drop on sql_drop execute function extensions.protect_platform();
