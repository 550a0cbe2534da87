-- Money that came and went, and parcels that left.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  order_id uuid not null references public.orders (id) on delete restrict,
  user_id uuid,
  provider text not null,
  reference text not null,
  status text not null check (
    status in ('requires_action', 'authorized', 'succeeded', 'canceled', 'failed')
  ),
  client_secret text,
  amount bigint not null check (amount >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  captured bigint not null default 0 check (captured between 0 and amount),
  refunded bigint not null default 0 check (refunded between 0 and captured),
  failure_code text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider, reference)
);
comment on table public.payments is
'One row per attempt at the provider; captured and refunded are sums of payment_entries.';
comment on column public.payments.client_secret is
'With it the shopper''s browser confirms this payment at the provider (3-D Secure).';
create index payments_order_id_idx on public.payments (order_id);
create index payments_user_id_idx on public.payments (user_id);

create table public.payment_entries (
  id bigint generated always as identity primary key,
  payment_id uuid not null references public.payments (id) on delete restrict,
  order_id uuid not null references public.orders (id) on delete restrict,
  kind text not null check (kind in ('charge', 'refund')),
  amount bigint not null check (amount > 0),
  currency text not null,
  reference text not null,
  created_at timestamptz not null default now(),
  unique (kind, reference)
);
comment on table public.payment_entries is 'Append-only ledger of money. Amounts are positive.';
create index payment_entries_payment_id_idx on public.payment_entries (payment_id);
create unique index payment_entries_one_charge_per_order
on public.payment_entries (order_id) where kind = 'charge';
create index payment_entries_order_id_idx on public.payment_entries (order_id);

create table public.refunds (
  id uuid primary key default gen_random_uuid(),
  order_id uuid not null references public.orders (id) on delete restrict,
  user_id uuid,
  revision integer not null check (revision > 0),
  amount bigint not null check (amount >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  reason text not null check (char_length(reason) between 1 and 500),
  status text not null default 'requested' check (status in ('requested', 'succeeded', 'failed')),
  reference text,
  idempotency_key uuid,
  requested_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (order_id, revision),
  unique (order_id, idempotency_key)
);
comment on table public.refunds is
'Money that goes back: requested, then done by the step `refund`. What was only authorised is let go.';
create index refunds_requested_idx on public.refunds (order_id) where status = 'requested';
create index refunds_user_id_idx on public.refunds (user_id);
create unique index refunds_reference_idx on public.refunds (reference);

create table public.shipments (
  id uuid primary key default gen_random_uuid(),
  order_id uuid not null unique references public.orders (id) on delete restrict,
  user_id uuid,
  carrier text not null,
  tracking_number text not null,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  unique (carrier, tracking_number)
);
comment on table public.shipments is 'The parcel of an order.';
create index shipments_user_id_idx on public.shipments (user_id);

create function private.apply_payment_entries() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.payments
  set captured = captured + case when new.kind = 'charge' then new.amount else 0 end,
    refunded = refunded + case when new.kind = 'refund' then new.amount else 0 end
  where id = new.payment_id and order_id = new.order_id and currency = new.currency;
  if not found then
    raise exception 'entry does not fit its payment' using errcode = 'check_violation';
  end if;
  return null;
end
$$;

create function private.protect_payment_balances() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'balances change by payment_entries only' using errcode = 'restrict_violation';
end
$$;

create trigger touch before update on public.payments
for each row execute function private.touch();
create trigger touch before update on public.refunds
for each row execute function private.touch();
create trigger begin_at_zero before insert on public.payments
for each row when ((new.captured, new.refunded) is distinct from (0, 0))
execute function private.forbid_change();
create trigger protect_balances before update of captured, refunded on public.payments
for each row when (pg_trigger_depth() = 0) execute function private.protect_payment_balances();
create trigger apply_payment_entries after insert on public.payment_entries
for each row execute function private.apply_payment_entries();
create trigger forbid_change before update or delete or truncate on public.payment_entries
for each statement execute function private.forbid_change();

alter table public.payments enable row level security;
alter table public.payment_entries enable row level security;
alter table public.refunds enable row level security;
alter table public.shipments enable row level security;

create policy "shoppers read their payments, staff all" on public.payments
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "staff read payment entries" on public.payment_entries
for select to authenticated
using ((select private.is_staff()));
create policy "shoppers read their refunds, staff all" on public.refunds
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));
create policy "shoppers read their shipments, staff all" on public.shipments
for select to authenticated
using (user_id = (select auth.uid()) or (select private.is_staff()));

revoke all on public.payments, public.payment_entries, public.refunds, public.shipments
from anon, authenticated, service_role;
grant select on public.payments, public.payment_entries, public.refunds, public.shipments
to authenticated, service_role;
