-- The verbs of functions/images: claim uploads and files that nobody needs, finish them; and what the clock mends.
set lock_timeout = '5s';
set statement_timeout = '60s';

-- Whether an image needs this file of product-images. Counted, as for `exists` the planner hopes to meet one soon,
-- and reads the table from its beginning.
create function private.is_used(file text) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return (
    select count(*) > 0 from public.product_images
    where path = file or variants @> jsonb_build_array(jsonb_build_object('path', file)));
end
$$;

-- Null: nothing is due.
create function private.image_job(message jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  upload public.product_uploads;
  unused jsonb;
begin
  if message ->> 'type' = 'images.unused' then
    select jsonb_agg(path) into unused
    from jsonb_array_elements_text(message -> 'paths') as path
    where not private.is_used(path);
    return case when unused is not null then jsonb_build_object('step', 'remove', 'paths', unused) end;
  elsif message ->> 'type' = 'object.created' then
    select * into upload from public.product_uploads
    where id = (message ->> 'upload_id')::uuid and status = 'queued';
    return case when upload.id is not null then jsonb_build_object(
      'step', 'process', 'product_id', upload.product_id, 'bucket', 'product-uploads',
      'name', upload.name, 'version', upload.version) end;
  end if;
  raise exception 'Nobody knows this event.' using errcode = 'invalid_parameter_value';
end
$$;

create function engine.claim_images(wanted integer default 100, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  work private.work;
  job jsonb;
begin
  for work in select * from private.start_work('images', wanted, looks_again)
  loop
    begin
      job := private.image_job(work.message);
      if job is null then
        perform private.finish_work('images', jsonb_build_array(jsonb_build_object(
          'message_id', work.message_id, 'starts', work.starts, 'outcome', 'settled')));
      else
        return next job || jsonb_build_object('message_id', work.message_id, 'starts', work.starts);
      end if;
    exception
      when data_exception then
        perform private.bury_work(attempts, work.message, 'unknown_event')
        from private.attempts
        where queue = 'images' and message_id = work.message_id;
    end;
  end loop;
end
$$;
comment on function engine.claim_images(integer, numeric) is
'Take due messages of the queue under a lease, at most `wanted`. looks_again: see claim_orders.
Each row: message_id, starts, step; and by step
process: product_id, bucket, name, version of an upload;
remove: paths in product-images.';

-- Images that need one of these files, which is not there, are made again: it was removed while they came to
-- need it.
create function private.remake_images(paths jsonb) returns integer
language plpgsql
set search_path = ''
as $$
declare
  remade integer;
begin
  update public.product_uploads
  set status = 'queued'
  where status = 'processed' and id in (
    select image.upload_id
    from jsonb_array_elements_text(paths) as file (name)
    join public.product_images as image
      on image.variants @> jsonb_build_array(jsonb_build_object('path', file.name))
    where private.version_of_object('product-images', file.name) is null);
  get diagnostics remade = row_count;
  return remade;
end
$$;

create function private.keep_image(upload public.product_uploads, made jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  alt constant text := (
    select left(user_metadata ->> 'alt', 500) from storage.objects
    where bucket_id = 'product-uploads' and name = upload.name);
  image_id uuid;
begin
  update public.product_uploads set status = 'processed' where id = upload.id;
  insert into public.product_images as known (
    product_id, upload_id, path, alt, position, width, height, colour, placeholder, variants, labels)
  values (
    upload.product_id, upload.id, made ->> 'path', coalesce(alt, ''),
    coalesce((
      select max(position) + 1 from public.product_images where product_id = upload.product_id), 0),
    (made ->> 'width')::integer, (made ->> 'height')::integer, made ->> 'colour', made ->> 'placeholder',
    made -> 'variants', made -> 'labels')
  on conflict (upload_id) do update
  set path = excluded.path, alt = coalesce(nullif(excluded.alt, ''), known.alt), width = excluded.width,
    height = excluded.height, colour = excluded.colour, placeholder = excluded.placeholder,
    variants = excluded.variants, labels = excluded.labels
  returning id into image_id;
  insert into private.outbox (type, subject)
  values ('image.processed', jsonb_build_object(
    'id', gen_random_uuid(), 'at', clock_timestamp(), 'image_id', image_id, 'product_id', upload.product_id));
  perform private.remake_images(jsonb_path_query_array(made, '$.variants[*].path'));
end
$$;

create function private.refuse_upload(upload public.product_uploads, refusal jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from public.product_images where upload_id = upload.id;
  update public.product_uploads
  set status = 'refused', reason = refusal ->> 'reason', explanation = refusal ->> 'text'
  where id = upload.id;
end
$$;

-- A result counts only for the content that is there now: its files are unused otherwise.
create function private.apply_images(message jsonb, result jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
  outcome constant text := result ->> 'outcome';
  made constant jsonb := result -> 'data';
  upload public.product_uploads;
begin
  if outcome = 'settled' then
    return;
  elsif outcome = 'removed' then
    perform private.remake_images(message -> 'paths');
    return;
  end if;
  select * into upload from public.product_uploads where id = (message ->> 'upload_id')::uuid for update;
  if made ->> 'version' is distinct from upload.version then
    insert into private.outbox (type, subject)
    select 'images.unused', jsonb_build_object('paths', jsonb_path_query_array(made, '$.variants[*].path'))
    where outcome = 'processed';
  elsif upload.status <> 'queued' then
    return;
  elsif outcome = 'processed' then
    perform private.keep_image(upload, made);
  elsif outcome = 'refused' then
    perform private.refuse_upload(upload, made);
  else
    raise exception 'unknown outcome %', outcome;
  end if;
end
$$;

create function engine.finish_images(results jsonb) returns setof jsonb
language sql
security definer
set search_path = ''
as $$ select * from private.finish_work('images', results) $$;
comment on function engine.finish_images(jsonb) is
'Record what became of messages: see private.finish_work. Outcomes of its own, with data:
processed: version, width, height, colour, placeholder, path, variants, labels (see product_images);
refused: version, reason, text; removed: none.';

create function engine.renew_images(results jsonb) returns setof jsonb
language sql
security definer
set search_path = ''
as $$ select * from private.renew_work('images', results) $$;
comment on function engine.renew_images(jsonb) is 'Hold on to messages for another lease: see private.renew_work.';

grant execute on function engine.claim_images(integer, numeric), engine.finish_images(jsonb),
engine.renew_images(jsonb)
to service_role;

-- What is mended in one go lies between two names: at most 5000 files of each bucket, uploads and images. Null: it
-- is all that is left.
create function private.last_name_of_batch(after text) returns text
language plpgsql stable
set search_path = ''
as $$
begin
  return least(
    (
      select name from storage.objects
      where bucket_id = 'product-uploads' and name > after order by name offset 4999 limit 1),
    (
      select name from storage.objects
      where bucket_id = 'product-images' and name > after order by name offset 4999 limit 1),
    (select name from public.product_uploads where name > after order by name offset 4999 limit 1),
    (select path from public.product_images where path > after order by path offset 4999 limit 1));
end
$$;

create function private.note_missed_uploads(after text, last text) returns bigint
language plpgsql
set search_path = ''
as $$
begin
  return (
    select count(*) filter (where private.note_object('product-uploads', name))
    from (
      select name, private.version_of(object) as version
      from storage.objects as object
      where bucket_id = 'product-uploads' and name > after and (last is null or name <= last)
    ) as stored
    full join (
      select name, version from public.product_uploads
      where name > after and (last is null or name <= last)
    ) as known using (name)
    where stored.version is distinct from known.version);
end
$$;

create function private.remake_lost_files(after text, last text) returns integer
language plpgsql
set search_path = ''
as $$
begin
  return private.remake_images((
    select coalesce(jsonb_agg(variant -> 'path'), '[]')
    from public.product_images as image
    cross join lateral jsonb_array_elements(image.variants) as variant
    where image.path > after and (last is null or image.path <= last)
      and not exists (
        select from storage.objects
        where bucket_id = 'product-images' and name = variant ->> 'path' and metadata is not null)));
end
$$;

-- In messages of 100; young files may belong to a picture that is being made.
create function private.note_stray_files(after text, last text) returns integer
language plpgsql
set search_path = ''
as $$
declare
  stray constant text[] := array(
    select name from storage.objects
    where bucket_id = 'product-images' and name > after and (last is null or name <= last)
      and updated_at < clock_timestamp() - interval '1 hour' and not private.is_used(name));
begin
  insert into private.outbox (type, subject)
  select 'images.unused', jsonb_build_object('paths', jsonb_agg(path))
  from unnest(stray) with ordinality as file (path, number)
  group by (number - 1) / 100;
  return cardinality(stray);
end
$$;

create function private.mend_images() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  after text;
  last text;
begin
  select coalesce(state ->> 'after', '') into after
  from private.tasks where name = 'mend_images' for update;
  last := private.last_name_of_batch(after);
  update private.tasks
  set state = case when last is not null then jsonb_build_object('after', last) end
  where name = 'mend_images';
  return jsonb_build_object(
    'noted', private.note_missed_uploads(after, last), 'remade', private.remake_lost_files(after, last),
    'unused', private.note_stray_files(after, last), 'more', last is not null);
end
$$;
comment on function private.mend_images() is
'Task of the clock: makes uploads, images and files agree, whatever was missed. noted: uploads that had not
been heard of, or had gone; remade: images that lacked a file; unused: files that no image needs.';
insert into private.tasks (job, name, position) values ('hourly', 'mend_images', 50);
