-- Pictures of products: staff upload originals, the images function makes what the shop shows.
set lock_timeout = '5s';
set statement_timeout = '60s';

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
(
  'product-uploads', 'product-uploads', false, 20971520,
  '{image/jpeg,image/png,image/webp,image/gif,image/avif}'
),
('product-images', 'product-images', true, 20971520, '{image/webp,image/jpeg}')
on conflict (id) do nothing;

-- The product in whose folder a file lies; null: in none.
create function private.product_of(object_name text) returns uuid
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when object_name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/'
    then split_part(object_name, '/', 1)::uuid end;
end
$$;
grant execute on function private.product_of(text) to authenticated, service_role;

-- Of product-images, everybody reads what they know the name of: a public bucket needs no policy for that.
create policy "staff see product uploads" on storage.objects
for select to authenticated
using (bucket_id = 'product-uploads' and (select private.is_staff()));
create policy "staff upload pictures of products" on storage.objects
for insert to authenticated
with check (
  bucket_id = 'product-uploads' and (select private.is_staff())
  and exists (
    select from public.products
    where products.id = private.product_of(objects.name)
  )
);
create policy "staff replace pictures of products" on storage.objects
for update to authenticated
using (bucket_id = 'product-uploads' and (select private.is_staff()))
with check (
  bucket_id = 'product-uploads' and (select private.is_staff())
  and exists (
    select from public.products
    where products.id = private.product_of(objects.name)
  )
);
create policy "staff remove product uploads" on storage.objects
for delete to authenticated
using (bucket_id = 'product-uploads' and (select private.is_staff()));

create table public.product_uploads (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products (id) on delete cascade,
  name text not null unique,
  version text not null,
  status text not null default 'queued' check (status in ('queued', 'processed', 'refused')),
  reason text,
  explanation text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((status = 'refused') = (reason is not null))
);
comment on table public.product_uploads is
'What became of each file in the bucket product-uploads, as long as it is there. name: <product id>/<any>.
version: of its content. reason: of a refusal: not_an_image, unsupported_type, too_large, too_many_pixels,
damaged, too_demanding; explanation says it to people.';
create index product_uploads_product_id_idx on public.product_uploads (product_id);
create trigger touch before update on public.product_uploads
for each row execute function private.touch();
alter table public.product_uploads enable row level security;
create policy "staff read product uploads" on public.product_uploads
for select to authenticated
using ((select private.is_staff()));
revoke all on public.product_uploads from anon, authenticated, service_role;
grant select on public.product_uploads to authenticated, service_role;
alter publication supabase_realtime add table public.product_uploads;

create table public.product_images (
  id uuid primary key default gen_random_uuid(),
  product_id uuid not null references public.products (id) on delete cascade,
  upload_id uuid unique references public.product_uploads (id) on delete cascade,
  path text not null,
  alt text not null default '' check (char_length(alt) <= 500),
  position integer not null default 0,
  width integer check (width > 0),
  height integer check (height > 0),
  colour text check (colour ~ '^#[0-9a-f]{6}$'),
  placeholder text check (placeholder ~ '^data:image/' and char_length(placeholder) <= 2000),
  variants jsonb not null default '[]',
  labels jsonb not null default '[]',
  created_at timestamptz not null default now()
);
comment on table public.product_images is
'Pictures of a product, in order. All paths are in the bucket product-images; path is the widest JPEG, which
every program shows. upload_id: null for one that was put there by hand. width, height: of the original,
upright, in pixels. colour: the dominant one. placeholder: a tiny blurred picture, as a data: URI.
variants: [{width, height, format: webp or jpeg, path, bytes}], widest first. labels: [{name, confidence}],
of 100, where a service was asked.';
create index product_images_product_id_idx on public.product_images (product_id, position);
create index product_images_path_idx on public.product_images (path);
create index product_images_variants_idx on public.product_images using gin (variants jsonb_path_ops)
with (fastupdate = off);
alter table public.product_images enable row level security;
create policy "everyone reads images of what is on sale" on public.product_images
for select to anon, authenticated
using (exists (
  select from public.products
  where id = product_id
));
revoke all on public.product_images from anon, authenticated;
grant select on public.product_images to anon, authenticated;
alter publication supabase_realtime add table public.product_images;

create function private.describe_image(wanted uuid, alt text, place integer) returns public.product_images
language plpgsql
security definer
set search_path = ''
as $$
declare
  described public.product_images;
begin
  perform private.check_staff();
  if char_length(describe_image.alt) > 500 then
    perform private.refuse(422, 'alt_too_long', 'A description has at most 500 characters.');
  elsif place not between -1000000 and 1000000 then
    perform private.refuse(422, 'invalid_position', 'A position is between -1,000,000 and 1,000,000.');
  end if;
  update public.product_images as image
  set alt = coalesce(describe_image.alt, image.alt),
    position = coalesce(place, image.position)
  where id = wanted
  returning * into described;
  if described.id is null then
    perform private.refuse(404, 'image_not_found', 'There is no such image.');
  end if;
  return described;
end
$$;

create function public.describe_image(image_id uuid, alt text default null, place integer default null)
returns public.product_images
language sql set search_path = ''
as $$ select private.describe_image(image_id, alt, place) $$;
comment on function public.describe_image(uuid, text, integer) is
'Staff: what an image shows, for those who do not see it, and its position among those of its product;
null leaves it as it is. Refusals: staff_only, alt_too_long, invalid_position, image_not_found.';
grant execute on function private.describe_image(uuid, text, integer),
public.describe_image(uuid, text, integer)
to authenticated, service_role;
