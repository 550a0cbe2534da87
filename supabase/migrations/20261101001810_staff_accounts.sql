-- Accounts of others, as the shop's staff see and edit them. What Supabase Auth keeps is changed through Auth.
set lock_timeout = '5s';
set statement_timeout = '60s';

create index profiles_created_at_idx on public.profiles (created_at desc, user_id desc);

create type private.person as (
  id uuid, email text, display_name text, role text, is_guest boolean, deactivated boolean,
  newsletter boolean, notifications boolean, created_at timestamptz, version text
);

-- Staff edit what they saw: the version names all that the row shows, and the last edit of the profile.
create function private.person_of(account auth.users, profile public.profiles) returns private.person
language sql stable
set search_path = ''
as $$
  select
    account.id, coalesce(account.email, ''), profile.display_name, account.raw_app_meta_data ->> 'role',
    account.is_anonymous, coalesce(account.banned_until > clock_timestamp(), false), wish.newsletter,
    wish.notifications, profile.created_at,
    md5(jsonb_build_array(
      account.email, account.raw_app_meta_data ->> 'role', account.banned_until, profile.updated_at,
      wish.updated_at)::text)
  from public.preferences as wish
  where wish.user_id = account.id
$$;

create function private.find_person(wanted uuid) returns private.person
language plpgsql stable
set search_path = ''
as $$
declare
  person private.person;
begin
  select shown.* into person
  from public.profiles as profile
  join auth.users as account on account.id = profile.user_id
  cross join lateral private.person_of(account, profile) as shown
  where profile.user_id = wanted and account.deleted_at is null;
  if person.id is null then
    perform private.refuse(404, 'user_not_found', 'There is no such user.');
  end if;
  return person;
end
$$;

create function private.list_users(
  before_created_at timestamptz, before_id uuid, email_prefix text, max_rows integer
) returns setof private.person
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  if max_rows is null or max_rows not between 1 and 1000 then
    perform private.refuse(422, 'invalid_max_rows', 'max_rows must be from 1 to 1000.');
  end if;
  return query
    select shown.*
    from public.profiles as profile
    join auth.users as account on account.id = profile.user_id
    cross join lateral private.person_of(account, profile) as shown
    where account.deleted_at is null
      and (before_created_at is null or (profile.created_at, profile.user_id) < (before_created_at, before_id))
      and (email_prefix is null or starts_with(lower(account.email), lower(email_prefix)))
    order by profile.created_at desc, profile.user_id desc
    limit max_rows;
end
$$;

create function private.get_user(wanted uuid) returns private.person
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  return private.find_person(wanted);
end
$$;

create function private.edit_user(wanted uuid, new_display_name text, versions text[])
returns private.person
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  person private.person;
begin
  perform private.check_staff();
  if char_length(new_display_name) > 200 then
    perform private.refuse(422, 'invalid_display_name', 'A name has at most 200 characters.');
  end if;
  perform from public.profiles where user_id = wanted for update;
  person := private.find_person(wanted);
  if not person.version = any (versions) then
    perform private.refuse(412, 'precondition_failed', 'The user has changed since you looked.');
  end if;
  update public.profiles
  set display_name = coalesce(new_display_name, display_name)
  where user_id = wanted;
  return private.find_person(wanted);
exception
  when lock_not_available then
    perform private.refuse(503, 'busy', 'This user is being edited. Try again.');
end
$$;

create function private.end_sessions(wanted uuid) returns private.person
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
begin
  if private.check_staff() = wanted then
    perform private.refuse(409, 'own_account', 'This is your own account: somebody else has to do it.');
  end if;
  delete from auth.sessions where user_id = wanted;
  return private.find_person(wanted);
exception
  when lock_not_available then
    perform private.refuse(503, 'busy', 'This user signs in right now. Try again.');
end
$$;

create function public.list_users(
  before_created_at timestamptz default null, before_id uuid default null,
  email_prefix text default null, max_rows integer default 100
)
returns table (
  id uuid, email text, display_name text, role text, is_guest boolean, deactivated boolean,
  newsletter boolean, notifications boolean, created_at timestamptz, version text
)
language sql stable set search_path = ''
as $$ select * from private.list_users(before_created_at, before_id, email_prefix, max_rows) $$;
comment on function public.list_users(timestamptz, uuid, text, integer) is
'Staff: accounts, the newest first; those after a place in this order, or whose address begins so. version:
what edit_user wants to hear. max_rows: 1 to 1000. Refusals: staff_only, sign_in_required, invalid_max_rows.';

create function public.get_user(user_id uuid)
returns table (
  id uuid, email text, display_name text, role text, is_guest boolean, deactivated boolean,
  newsletter boolean, notifications boolean, created_at timestamptz, version text
)
language sql stable set search_path = ''
as $$ select * from private.get_user(user_id) $$;
comment on function public.get_user(uuid) is
'Staff: one account, as list_users shows it. Refusals: staff_only, sign_in_required, user_not_found.';

create function public.edit_user(
  user_id uuid, display_name text default null, versions text[] default null
)
returns table (
  id uuid, email text, display_name text, role text, is_guest boolean, deactivated boolean,
  newsletter boolean, notifications boolean, created_at timestamptz, version text
)
language sql set search_path = ''
as $$ select * from private.edit_user(user_id, display_name, versions) $$;
comment on function public.edit_user(uuid, text, text[]) is
'Staff: give an account another name; null leaves it, and only makes a new version, so that of those who edit
the same version one alone goes on. versions: refused if it has none of these; null: whatever it has.
Refusals: staff_only, sign_in_required, user_not_found, invalid_display_name, precondition_failed, busy.';

create function public.end_sessions(user_id uuid)
returns table (
  id uuid, email text, display_name text, role text, is_guest boolean, deactivated boolean,
  newsletter boolean, notifications boolean, created_at timestamptz, version text
)
language sql set search_path = ''
as $$ select * from private.end_sessions(user_id) $$;
comment on function public.end_sessions(uuid) is
'Staff: sign an account out everywhere. Its verbs are refused at once; what it may read it reads until its
access token ends. Refusals: staff_only, sign_in_required, own_account, user_not_found, busy.';

do $$
declare
  verb regprocedure;
begin
  foreach verb in array array[
    'private.list_users(timestamptz, uuid, text, integer)', 'public.list_users(timestamptz, uuid, text, integer)',
    'private.get_user(uuid)', 'public.get_user(uuid)',
    'private.edit_user(uuid, text, text[])', 'public.edit_user(uuid, text, text[])',
    'private.end_sessions(uuid)', 'public.end_sessions(uuid)'
  ]::regprocedure[]
  loop
    execute format('grant execute on function %s to authenticated, service_role', verb);
  end loop;
end
$$;
