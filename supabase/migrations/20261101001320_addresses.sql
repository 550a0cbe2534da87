-- The address book: where people have their orders sent.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.addresses (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  label text not null default '',
  address jsonb not null,
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.addresses is
'Addresses that people keep, guests too: at most 50 each, one of them the default. label: what its owner calls
it. address: what place_order takes as shipping_address: {name, line1, line2?, city, postal_code, region?, country}.';
create index addresses_user_id_idx on public.addresses (user_id);
create unique index addresses_one_default_idx on public.addresses (user_id) where is_default;

create trigger touch before update on public.addresses
for each row execute function private.touch();

create function private.check_saved_address() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  new.address := private.check_address(new.address);
  if not private.is_text(to_jsonb(new.label), 0, 100) then
    perform private.refuse(422, 'invalid_label', 'A label is a line of at most 100 characters.');
  end if;
  return new;
end
$$;
comment on function private.check_saved_address() is 'Trigger: what is kept can be ordered to.';

-- Rules about all addresses of somebody hold because whoever adds one, or chooses the default, holds the owner.
-- That comes before any lock on an address, as in deleting the owner: so that no two wait for each other.
create function private.add_address() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform from auth.users where id = new.user_id for no key update;
  if (select count(*) >= 50 from public.addresses where user_id = new.user_id) then
    perform private.refuse(409, 'too_many_addresses', 'An address book has room for 50 addresses.');
  end if;
  if new.is_default then
    update public.addresses set is_default = false where user_id = new.user_id and is_default;
  end if;
  return new;
end
$$;
comment on function private.add_address() is 'Trigger: the limit, and a new default takes the place of the old.';

create trigger add_address before insert on public.addresses
for each row execute function private.add_address();
create trigger check_saved_address before insert or update of label, address on public.addresses
for each row execute function private.check_saved_address();

alter table public.addresses enable row level security;
create policy "people and staff read addresses" on public.addresses
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "people add addresses" on public.addresses
for insert to authenticated
with check (user_id = (select auth.uid()));
create policy "people change their addresses" on public.addresses
for update to authenticated
using (user_id = (select auth.uid()))
with check (user_id = (select auth.uid()));
create policy "people remove their addresses" on public.addresses
for delete to authenticated
using (user_id = (select auth.uid()));

revoke all on public.addresses from anon, authenticated;
grant select, delete on public.addresses to authenticated;
grant insert (label, address, is_default), update (label, address) on public.addresses to authenticated;

-- Definer: clients do not write is_default, which is about two rows at once.
create function private.set_default_address(wanted uuid) returns public.addresses
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  caller constant private.caller := private.signed_in();
  chosen public.addresses;
begin
  perform from auth.users where id = caller.id for no key update;
  update public.addresses set is_default = false
  where user_id = caller.id and is_default and id <> wanted;
  update public.addresses set is_default = true
  where user_id = caller.id and id = wanted
  returning * into chosen;
  if chosen.id is null then
    perform private.refuse(404, 'address_not_found', 'There is no such address.');
  end if;
  return chosen;
exception
  when lock_not_available or deadlock_detected then
    perform private.refuse(503, 'busy', 'This address is being changed. Try again.');
end
$$;

create function public.set_default_address(address_id uuid) returns public.addresses
language sql
set search_path = ''
as $$ select private.set_default_address(address_id) $$;
comment on function public.set_default_address(uuid) is
'Make an address of one''s own the default, instead of the one before.
Refusals: address_not_found, busy, sign_in_required.';
grant execute on function private.set_default_address(uuid), public.set_default_address(uuid)
to authenticated, service_role;
