-- What happens in Storage makes work for the images function. What is due is decided by what lies there now; an
-- event only says where to look, so it may repeat or come late.
set lock_timeout = '5s';
set statement_timeout = '60s';

insert into private.queues (name, path, attempts, batch_size, max_starts) values
('images', '/images/wake', 5, 4, 5);
select private.create_queue('images');
insert into private.event_routes (event_type, queue) values
('object.created', 'images'),
('images.unused', 'images');

-- The version of an object's content; null of an upload that has not ended.
create function private.version_of(object storage.objects) returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when object.metadata is not null
    then coalesce(object.version, object.metadata ->> 'eTag', '') end;
end
$$;

-- The same by its name; null if there is none.
create function private.version_of_object(bucket text, object_name text) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select private.version_of(object)
    from storage.objects as object
    where bucket_id = bucket and name = object_name);
end
$$;

create function private.note_queued() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.outbox (type, subject)
  values ('object.created', jsonb_build_object('upload_id', new.id));
  perform private.wake('images');
  return null;
end
$$;
create trigger note_queued after insert or update of version, status on public.product_uploads
for each row when (new.status = 'queued') execute function private.note_queued();

-- Files that an image gave up, whatever the cause; whether another one needs them is seen later.
create function private.note_unused() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  kept constant jsonb := case tg_op when 'UPDATE' then new.variants else '[]' end;
  given_up constant jsonb := (
    select jsonb_agg(variant -> 'path')
    from jsonb_array_elements(old.variants) as variant
    where not kept @> jsonb_build_array(jsonb_build_object('path', variant -> 'path')));
begin
  if given_up is not null then
    insert into private.outbox (type, subject)
    values ('images.unused', jsonb_build_object('paths', given_up));
    perform private.wake('images');
  end if;
  return null;
end
$$;
create trigger note_unused after delete or update of variants on public.product_images
for each row execute function private.note_unused();

-- Something has happened to a file: see what is there now.
create function private.note_object(bucket text, object_name text) returns boolean
language plpgsql
set search_path = ''
as $$
declare
  current_version text;
begin
  if bucket is distinct from 'product-uploads' then
    return false;
  end if;
  current_version := private.version_of_object(bucket, object_name);
  if current_version is null then
    delete from public.product_uploads where name = object_name;
    return found;
  end if;
  insert into public.product_uploads as known (product_id, name, version)
  select id, object_name, current_version
  from public.products
  where id = private.product_of(object_name)
  on conflict (name) do update
  set version = excluded.version, status = 'queued', reason = null, explanation = null
  where known.version <> excluded.version;
  return found;
end
$$;
comment on function private.note_object(text, text) is
'Queues a product upload that is new or has new content; forgets one that has gone. Whether it was news.';

-- An upload never fails for what we make of it: what is missed here, private.mend_images finds.
create function private.note_change_of_object() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.note_object(touched.bucket, touched.name)
  from (select old.bucket_id, old.name union select new.bucket_id, new.name) as touched (bucket, name);
  return null;
exception
  when others then
    raise warning 'a change in Storage was not noted: %', sqlerrm;
    return null;
end
$$;
create trigger note_change_of_object
after insert or delete or update of bucket_id, name, version, metadata on storage.objects
for each row execute function private.note_change_of_object();

create function engine.note_object(bucket text, name text, removed boolean default false)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return next jsonb_build_object('news', private.note_object(bucket, note_object.name));
end
$$;
comment on function engine.note_object(text, text, boolean) is
'An event about a file: see what is there now. removed: what the event says; what Storage says counts.
One row: news, whether that was any.';
grant execute on function engine.note_object(text, text, boolean) to service_role;
