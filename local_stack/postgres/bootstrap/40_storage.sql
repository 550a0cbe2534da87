-- The tables of Supabase Storage, with its column names, the functions that policies call, and its guards.

set role supabase_storage_admin;

do $$
begin
  if to_regtype('storage.buckettype') is null then
    create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
  end if;
end
$$;

create table if not exists storage.buckets (
  id text primary key,
  name text not null constraint bname unique,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text,
  type storage.buckettype not null default 'STANDARD',
  versioning_status text not null default 'DISABLED' check (versioning_status = 'DISABLED')
);
comment on column storage.buckets.owner is 'Deprecated: owner_id holds any subject, not only a UUID.';

create table if not exists storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text constraint "objects_bucketId_fkey" references storage.buckets (id),
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb,
  archived_at timestamptz,
  is_delete_marker boolean not null default false,
  is_versioned boolean not null default false
);
comment on column storage.objects.version is 'Names the file that holds the content.';
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);
create index if not exists idx_objects_bucket_id_name_lower
on storage.objects (bucket_id, (lower(name)) collate "C");
create index if not exists objects_version on storage.objects (version);

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;

grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;

create or replace function storage.foldername(name text) returns text[]
language sql
immutable
as $$
  select (string_to_array(name, '/'))[:cardinality(string_to_array(name, '/')) - 1]
$$;

create or replace function storage.filename(name text) returns text
language sql
immutable
as $$
  select split_part(name, '/', -1)
$$;

create or replace function storage.extension(name text) returns text
language sql
immutable
as $$
  select split_part(split_part(name, '/', -1), '.', -1)
$$;

-- What the request is about to do, such as storage.object.upload; null outside of Storage.
create or replace function storage.operation() returns text
language sql
stable
as $$
  select current_setting('storage.operation', true)
$$;

create or replace function storage.allow_any_operation(expected_operations text[]) returns boolean
language sql
stable
as $$
  select exists (
    select from unnest(expected_operations) as expected (name)
    where expected.name <> ''
      and regexp_replace(expected.name, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
  )
$$;

create or replace function storage.allow_only_operation(expected_operation text) returns boolean
language sql
stable
as $$
  select storage.allow_any_operation(array[expected_operation])
$$;

create or replace function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language sql
stable
as $$
  select sum((o.metadata ->> 'size')::bigint)::bigint, o.bucket_id
  from storage.objects as o
  group by o.bucket_id
$$;

-- The folder right below the prefix that holds the object, with its slash; null for one that lies there itself.
create or replace function storage.get_common_prefix(p_key text, p_prefix text, p_delimiter text) returns text
language sql
immutable
as $$
  select case
    when strpos(substr(p_key, length(p_prefix) + 1), p_delimiter) > 0
      then p_prefix || split_part(substr(p_key, length(p_prefix) + 1), p_delimiter, 1) || p_delimiter
  end
$$;

-- One level below a prefix, in any letter case: sub-folders as rows without an id, and objects.
create or replace function storage.search(
  prefix text, bucketname text, limits integer default 100, levels integer default 1,
  offsets integer default 0, search text default '', sortcolumn text default 'name',
  sortorder text default 'asc'
)
returns table (
  name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz,
  metadata jsonb
)
language plpgsql
stable
as $$
declare
  direction text := case when lower(sortorder) = 'desc' then 'desc' else 'asc' end;
  sorting text := case
    when lower(sortcolumn) in ('updated_at', 'created_at', 'last_accessed_at')
      -- Folders have no times: they come first, by name.
      then format('(id is null) desc, %I %s, name collate "C" %s', lower(sortcolumn), direction, direction)
    else format('lower(name) collate "C" %s, name collate "C" %s', direction, direction)
  end;
begin
  return query execute format(
    $query$
      with found as (
        select o.path_tokens[$2] as name, cardinality(o.path_tokens) > $2 as is_folder,
          o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
        from storage.objects as o
        where o.bucket_id = $1 and lower(o.name) collate "C" ^@ lower($3)
      )
      select * from (
        select name, id, updated_at, created_at, last_accessed_at, metadata
        from found
        where not is_folder
        union all
        select distinct name, null::uuid, null::timestamptz, null::timestamptz, null::timestamptz, null::jsonb
        from found
        where is_folder
      ) as listed
      order by %s
      limit $4 offset $5
    $query$, sorting
  ) using bucketname, levels, coalesce(prefix, '') || coalesce(search, ''),
    least(coalesce(limits, 100), 1500), coalesce(offsets, 0);
end
$$;

-- A page of the keys below a prefix: whole, or (delimited) folded to one level; both ways by full key.
create or replace function storage.list_page(
  bucket text, prefix text, delimited boolean, page_size integer, after_name text, sort_column text,
  sort_order text, after_time timestamptz
)
returns table (
  key text, name text, id uuid, updated_at timestamptz, created_at timestamptz,
  last_accessed_at timestamptz, metadata jsonb
)
language plpgsql
stable
as $$
declare
  comparison text := case when sort_order = 'desc' then '<' else '>' end;
  direction text := case when sort_order = 'desc' then 'desc' else 'asc' end;
  by_time boolean := sort_column in ('updated_at', 'created_at');
begin
  return query execute format(
    $query$
      with found as (
        select o.*, case when $3 then storage.get_common_prefix(o.name, $2, '/') end as folder
        from storage.objects as o
        where o.bucket_id = $1 and o.name ^@ $2
      ),
      listed as (
        select name, id, updated_at, created_at, last_accessed_at, metadata
        from found
        where folder is null
        union all
        select folder, null, min(created_at), min(created_at), null, null
        from found
        where folder is not null
        group by folder
      )
      select split_part(rtrim(name, '/'), '/', cardinality(string_to_array($2, '/')) + ($2 = '')::integer),
        name, id, updated_at, created_at, last_accessed_at, metadata
      from listed
      where $5 = '' or (%1$s name collate "C") %2$s (%3$s $5)
      order by %5$s name collate "C" %4$s
      limit $4
    $query$,
    case when by_time then format('%I, ', sort_column) else '' end,
    comparison,
    case when by_time then '$6, ' else '' end,
    direction,
    case when by_time then format('%I %s, ', sort_column, direction) else '' end
  ) using bucket, coalesce(prefix, ''), delimited, least(coalesce(page_size, 100), 1500),
    coalesce(after_name, ''), after_time;
end
$$;

create or replace function storage.search_v2(
  prefix text, bucket_name text, limits integer default 100, levels integer default 1,
  start_after text default '', sort_order text default 'asc', sort_column text default 'name',
  sort_column_after text default ''
)
returns table (
  key text, name text, id uuid, updated_at timestamptz, created_at timestamptz,
  last_accessed_at timestamptz, metadata jsonb
)
language sql
stable
as $$
  select * from storage.list_page(
    bucket_name, prefix, true, limits, start_after, sort_column, sort_order,
    nullif(sort_column_after, '')::timestamptz
  )
$$;

create or replace function storage.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
  new.updated_at = now();
  return new;
end
$$;

create or replace function storage.enforce_bucket_name_length() returns trigger
language plpgsql
as $$
begin
  if length(new.name) > 100 then
    raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
  end if;
  return new;
end
$$;

-- A row deleted by SQL would leave its file behind.
create or replace function storage.protect_delete() returns trigger
language plpgsql
as $$
begin
  if coalesce(current_setting('storage.allow_delete_query', true), '') <> 'true' then
    raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
      using hint = 'This prevents accidental data loss from orphaned objects.', errcode = '42501';
  end if;
  return null;
end
$$;

create or replace trigger update_objects_updated_at before update on storage.objects
for each row execute function storage.update_updated_at_column();
create or replace trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets
for each row execute function storage.enforce_bucket_name_length();
create or replace trigger protect_buckets_delete before delete on storage.buckets
for each statement execute function storage.protect_delete();
create or replace trigger protect_objects_delete before delete on storage.objects
for each statement execute function storage.protect_delete();

reset role;
