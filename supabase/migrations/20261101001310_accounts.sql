-- What an account gets when it begins: a profile, preferences, and a welcome once its address is known.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- Definer, as all triggers on auth.users: Auth writes them under a role that knows nothing of the shop.
create function private.user_created() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.profiles (user_id) values (new.id);
  insert into public.preferences (user_id) values (new.id);
  return new;
end
$$;

create function private.account_confirmed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.outbox (type, subject)
  values ('user.created', jsonb_build_object('user_id', new.id));
  insert into private.measurements (metric) values ('accounts');
  perform private.wake('emails');
  return new;
end
$$;

create trigger orderbase_user_created after insert on auth.users
for each row execute function private.user_created();
create trigger orderbase_account_created after insert on auth.users
for each row when (new.email_confirmed_at is not null and new.email <> '' and not new.is_anonymous)
execute function private.account_confirmed();
-- A guest becomes an account, or an address is confirmed later.
create trigger orderbase_account_confirmed after update of email_confirmed_at, is_anonymous on auth.users
for each row when (
  new.email_confirmed_at is not null and new.email <> '' and not new.is_anonymous
  and (old.email_confirmed_at is null or old.is_anonymous)
)
execute function private.account_confirmed();
