-- The roles of a Supabase database. `postgres`, which runs migrations, is no superuser there either.
-- Every file of this folder may run again on a database that has been through it.

do $$
declare
  role_name text;
begin
  foreach role_name in array array[
    'anon', 'authenticated', 'service_role', 'authenticator', 'postgres', 'dashboard_user',
    'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin',
    'supabase_functions_admin', 'supabase_replication_admin', 'supabase_read_only_user', 'pgbouncer'
  ]
  loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I', role_name);
    end if;
  end loop;

  foreach role_name in array array[
    'authenticator', 'postgres', 'supabase_auth_admin', 'supabase_storage_admin',
    'supabase_realtime_admin', 'supabase_functions_admin', 'supabase_replication_admin',
    'supabase_read_only_user'
  ]
  loop
    execute format(
      'alter role %I with login password %L', role_name, current_setting('bootstrap.password')
    );
  end loop;
end
$$;

alter role anon nologin inherit;
alter role authenticated nologin inherit;
alter role service_role nologin inherit bypassrls;
alter role authenticator noinherit;
alter role postgres createdb createrole bypassrls replication;
alter role dashboard_user createdb createrole replication;
alter role supabase_auth_admin noinherit createrole;
alter role supabase_storage_admin noinherit createrole;
alter role supabase_realtime_admin noinherit;
alter role supabase_functions_admin noinherit createrole;
alter role supabase_replication_admin replication;
alter role supabase_read_only_user bypassrls;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant anon, authenticated, service_role to supabase_storage_admin, supabase_realtime_admin;
grant authenticator to supabase_storage_admin;
grant pg_monitor, pg_read_all_data, pg_signal_backend, pg_checkpoint to postgres;
grant pg_read_all_data to supabase_read_only_user;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = 60000;
alter role supabase_storage_admin set search_path = storage;

alter database postgres owner to postgres;

-- Migrations configure PostgREST by `alter role authenticator set pgrst.…`.
do $$
declare
  setting text;
begin
  foreach setting in array array[
    'db_aggregates_enabled', 'db_extra_search_path', 'db_max_rows', 'db_plan_enabled',
    'db_pre_request', 'db_schemas', 'db_tx_end', 'jwt_aud', 'openapi_mode'
  ]
  loop
    execute format('grant set on parameter pgrst.%I to postgres', setting);
  end loop;
end
$$;
