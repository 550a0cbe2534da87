-- What the shop sells, and for how much in which country.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.products (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  name text not null check (char_length(name) between 1 and 200),
  description text not null default '' check (char_length(description) <= 10000),
  price bigint not null check (price between 0 and 1000000000000),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  active boolean not null default true,
  version integer not null default 1,
  search tsvector not null generated always as (
    setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B')
  ) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.products is 'The catalogue. Price: minor units of `currency` (ISO 4217).';
comment on column public.products.version is 'Rises by one with each edit: editors name the one that they saw.';
create index products_search_idx on public.products using gin (search);
create index products_active_name_idx on public.products (name) where active;

create table public.product_prices (
  product_id uuid not null references public.products (id) on delete cascade,
  country text not null check (country ~ '^[A-Z]{2}$'),
  price bigint not null check (price between 0 and 1000000000000),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  primary key (product_id, country)
);
comment on table public.product_prices is
'A market''s own price, by country (ISO 3166-1) of delivery; elsewhere the product''s price holds.';

create trigger touch before update on public.products
for each row execute function private.touch();

create function private.count_version() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.version := old.version + 1;
  return new;
end
$$;
comment on function private.count_version() is 'Trigger: version counts the edits of the row.';
create trigger count_version before update on public.products
for each row execute function private.count_version();

alter table public.products enable row level security;
alter table public.product_prices enable row level security;

create policy "everyone reads what is on sale" on public.products
for select to anon, authenticated
using (active or (select private.is_staff()));
create policy "everyone reads prices of what is on sale" on public.product_prices
for select to anon, authenticated
using (exists (
  select from public.products
  where id = product_id
));

revoke all on public.products, public.product_prices from anon, authenticated;
grant select on public.products, public.product_prices to anon, authenticated;
