-- What migrations of other projects lean on in a Supabase database.
create extension if not exists pgmq;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net with schema extensions;
create extension if not exists pgcrypto with schema extensions;
create extension if not exists "uuid-ossp" with schema extensions;

alter role authenticator set pgrst.db_plan_enabled = 'true';
notify pgrst, 'reload config';

create table public.notes (
  id uuid primary key default extensions.uuid_generate_v4(),
  owner uuid not null default auth.uid() references auth.users (id) on delete cascade,
  body text not null,
  token text not null default encode(extensions.gen_random_bytes(8), 'hex')
);
alter table public.notes enable row level security;
create policy "own notes" on public.notes
for all to authenticated
using ((select auth.uid()) = owner)
with check ((select auth.uid()) = owner);
alter publication supabase_realtime add table public.notes;

create table public.people (
  id uuid primary key references auth.users on delete cascade,
  email text
);
create function public.handle_new_user() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  insert into public.people (id, email) values (new.id, new.email);
  return new;
end
$$;
create trigger on_auth_user_created after insert on auth.users
for each row execute function public.handle_new_user();

insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true);
create policy "own avatars" on storage.objects
for insert to authenticated
with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "read avatars" on storage.objects
for select to anon, authenticated
using (bucket_id = 'avatars');

create function public.notes_changed() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform realtime.broadcast_changes(
    'notes:' || coalesce(new.owner, old.owner)::text, tg_op, tg_op, tg_table_name, tg_table_schema,
    new, old);
  return null;
end
$$;
create trigger notes_changed after insert or update or delete on public.notes
for each row execute function public.notes_changed();
create policy "own topic" on realtime.messages
for select to authenticated
using ((select realtime.topic()) = 'notes:' || (select auth.uid())::text);

select pgmq.create('jobs');
select cron.schedule('nightly', '0 3 * * *', $$ select pgmq.send('jobs', '{"kind": "nightly"}') $$);
select vault.create_secret('s3cret', 'api_key', 'of a partner');

create function public.call_partner() returns bigint
language sql security definer set search_path = ''
as $$
  select net.http_post(
    url := 'http://127.0.0.1:9/hook',
    body := '{"hello": "world"}'::jsonb,
    headers := jsonb_build_object('Authorization', 'Bearer ' || (
      select decrypted_secret from vault.decrypted_secrets where name = 'api_key')))
$$;
