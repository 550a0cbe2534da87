-- Profiles and preferences: one row each per user of Supabase Auth.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  display_name text not null default '' check (char_length(display_name) <= 200),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.profiles is 'What a person chose to be called.';

create table public.preferences (
  user_id uuid primary key references auth.users (id) on delete cascade,
  newsletter boolean not null default false,
  notifications boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.preferences is 'Which mails beyond the order''s own a person wants.';

create trigger touch before update on public.profiles
for each row execute function private.touch();
create trigger touch before update on public.preferences
for each row execute function private.touch();

alter table public.profiles enable row level security;
alter table public.preferences enable row level security;

create policy "people and staff read profiles" on public.profiles
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "people change their profile" on public.profiles
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));
create policy "people and staff read preferences" on public.preferences
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "people change their preferences" on public.preferences
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));

revoke all on public.profiles, public.preferences from anon, authenticated;
grant select on public.profiles, public.preferences to authenticated;
grant update (display_name) on public.profiles to authenticated;
grant update (newsletter, notifications) on public.preferences to authenticated;
