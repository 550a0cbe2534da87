-- What the edge reads of the catalogue, and which products changed, so that caches forget exactly those.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.product_changes (
  id bigint generated always as identity primary key,
  product_id uuid,
  xid xid8 not null default pg_current_xact_id(),
  changed_at timestamptz not null default clock_timestamp()
);
comment on table private.product_changes is
'Each change of a product, its prices or its images, for a day. product_id: null is all of them. Rows are
only added, so that nobody who edits the catalogue waits for somebody else.';
create index product_changes_xid_idx on private.product_changes (xid);
create index product_changes_changed_at_idx on private.product_changes (changed_at);
alter table private.product_changes enable row level security;

-- One hint for a transaction, sent after its commit. It must never fail the edit.
create function private.hint_product_change() returns void
language plpgsql
set search_path = ''
as $$
declare
  here constant text := pg_current_xact_id();
begin
  if current_setting('orderbase.hinted_by', true) = here then
    return;
  end if;
  perform set_config('orderbase.hinted_by', here, true);
  perform private.post_to_functions(
    '/api/product_changes', 'products_' || gen_random_uuid(), '{"products": "changed"}');
exception
  when others then
    raise warning 'hint of a changed product failed: %', sqlerrm;
end
$$;

-- Definer: whoever may edit the catalogue need not know who caches it.
create function private.product_changed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.product_changes (product_id)
  select distinct changed.id
  from (values (new.id), (old.id)) as changed (id)
  where tg_op = 'TRUNCATE' or changed.id is not null;
  -- Nobody has asked for a product that was not there.
  if tg_op <> 'INSERT' then
    perform private.hint_product_change();
  end if;
  return null;
end
$$;

create function private.product_part_changed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.product_changes (product_id)
  select distinct changed.id
  from (values (new.product_id), (old.product_id)) as changed (id)
  where tg_op = 'TRUNCATE' or changed.id is not null;
  perform private.hint_product_change();
  return null;
end
$$;

create trigger product_changed after insert or update or delete on public.products
for each row execute function private.product_changed();
create trigger product_part_changed after insert or update or delete on public.product_prices
for each row execute function private.product_part_changed();
create trigger product_part_changed after insert or update or delete on public.product_images
for each row execute function private.product_part_changed();
create trigger all_changed after truncate on public.products
for each statement execute function private.product_changed();
create trigger all_changed after truncate on public.product_prices
for each statement execute function private.product_part_changed();
create trigger all_changed after truncate on public.product_images
for each statement execute function private.product_part_changed();

create function private.forget_product_changes() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  many integer;
begin
  delete from private.product_changes where changed_at < now() - interval '1 day';
  get diagnostics many = row_count;
  return jsonb_build_object('deleted', many);
end
$$;
comment on function private.forget_product_changes() is
'Removes changes of more than a day ago; positions live for twelve hours.';
insert into private.tasks (job, name, position) values ('daily', 'forget_product_changes', 50);

-- A position is a snapshot, so that what was committed after it is told, whenever it began. One statement:
-- what is told and the next position are of the same moment.
create function engine.product_changes("position" text default null) returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  with seen as materialized (
    select case when "position" ~ '^\d{1,12}/\d{1,19}:\d{1,19}:[\d,]*$'
      and to_timestamp(split_part("position", '/', 1)::bigint) > now() - interval '12 hours'
      then split_part("position", '/', 2)::pg_snapshot
    end as snapshot
  ),
  changed as materialized (
    select change.product_id
    from private.product_changes as change, seen
    where change.xid >= pg_snapshot_xmin(seen.snapshot)
      and not pg_visible_in_snapshot(change.xid, seen.snapshot)
    limit 1001
  ),
  all_of_them as materialized (
    -- A position from the future is one of a database that was since restored.
    select coalesce(pg_snapshot_xmax(seen.snapshot) > pg_snapshot_xmax(pg_current_snapshot()), true)
      or (select count(*) > 1000 or coalesce(bool_or(product_id is null), false) from changed) as changed
    from seen
  )
  select jsonb_build_object(
    'position', extract(epoch from now())::bigint || '/' || pg_current_snapshot(),
    'all', all_of_them.changed,
    'product_ids', case when all_of_them.changed then '[]' else (
      select coalesce(jsonb_agg(distinct product_id), '[]') from changed) end)
  from all_of_them
$$;
comment on function engine.product_changes(text) is
'Products that changed since a position: {position, all, product_ids}. all: any may have; so it is without
a position, with one of more than twelve hours ago, and after more than 1000 changes.';

create function engine.read_product(product_id uuid) returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'id', product.id, 'version', product.version, 'slug', product.slug, 'name', product.name, 'description', product.description,
    'price', product.price, 'currency', product.currency, 'prices', (
      select coalesce(jsonb_object_agg(market.country, jsonb_build_object(
        'price', market.price, 'currency', market.currency)), '{}')
      from public.product_prices as market
      where market.product_id = product.id),
    'images', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'path', image.path, 'alt', image.alt, 'width', image.width, 'height', image.height,
        'colour', image.colour, 'placeholder', image.placeholder, 'variants', image.variants)
        order by image.position, image.id), '[]')
      from public.product_images as image
      where image.product_id = product.id))
  from public.products as product
  where product.id = read_product.product_id and product.active
$$;
comment on function engine.read_product(uuid) is
'A product on sale: {id, version, slug, name, description, price, currency, prices {country: {price, currency}},
images [{path, alt, width, height, colour, placeholder, variants}]}, see public.product_images; prices in minor units; no row if there is none.';

create function engine.product_pricing(
  country text default null, product_ids uuid[] default null, after uuid default null,
  max_rows integer default 1000
) returns setof jsonb
language sql stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'product_id', product.id, 'price', coalesce(market.price, product.price),
    'currency', coalesce(market.currency, product.currency))
  from public.products as product
  left join public.product_prices as market
    on market.product_id = product.id and market.country = product_pricing.country
  where product.active
    and (product_ids is null or product.id = any (product_ids))
    and (after is null or product.id > after)
  order by product.id
  limit max_rows
$$;
comment on function engine.product_pricing(text, uuid[], uuid, integer) is
'Prices in a country of what is on sale, by product id: {product_id, price (minor units), currency}.
product_ids: of these only. after: the last one of the page before.';

grant execute on function engine.product_changes(text), engine.read_product(uuid),
engine.product_pricing(text, uuid[], uuid, integer)
to service_role;
