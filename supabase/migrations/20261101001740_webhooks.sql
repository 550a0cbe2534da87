-- Outgoing webhooks: who gets which events, signed with which secrets, and what they are told.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.webhook_endpoints (
  id uuid primary key default gen_random_uuid(),
  url text not null check (char_length(url) <= 2000),
  description text not null default '' check (char_length(description) <= 500),
  event_types text[] not null check (cardinality(event_types) > 0),
  active boolean not null default true,
  disabled_reason text check (disabled_reason in ('staff', 'gone', 'failing', 'deleted')),
  failures integer not null default 0,
  failing_since timestamptz,
  failed_attempts integer not null default 0,
  paused_until timestamptz,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (active = (disabled_reason is null))
);
comment on table public.webhook_endpoints is
'Who is told of events. event_types: "*" is all. disabled_reason: staff; gone, it answered 410; failing, for
days; deleted, kept for its deliveries. failures: how often in a row it did not answer as a server should;
from the first on it gets one delivery at a time. failing_since, failed_attempts: the first failure of any kind
since the last success, and how many there were. paused_until: left alone until then.';
create trigger touch before update on public.webhook_endpoints
for each row execute function private.touch();

create table private.webhook_secrets (
  id uuid primary key default gen_random_uuid(),
  endpoint_id uuid not null references public.webhook_endpoints (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz
);
comment on table private.webhook_secrets is
'Secrets that sign for an endpoint; the Vault holds their text. expires_at: another one has taken its place.';
create index webhook_secrets_endpoint_id_idx on private.webhook_secrets (endpoint_id, created_at desc);

create table public.webhook_deliveries (
  id bigint generated always as identity primary key,
  webhook_id text not null,
  endpoint_id uuid not null references public.webhook_endpoints (id) on delete cascade,
  event_id bigint references public.order_events (id) on delete restrict,
  order_id uuid references public.orders (id) on delete restrict,
  version integer,
  type text not null,
  payload jsonb not null,
  status text not null default 'pending'
  check (status in ('pending', 'delivering', 'delivered', 'failed', 'discarded')),
  due_at timestamptz not null default clock_timestamp(),
  starts integer not null default 0,
  failures integer not null default 0,
  leased_until timestamptz,
  error text,
  created_at timestamptz not null default now(),
  delivered_at timestamptz,
  unique (endpoint_id, webhook_id)
)
with (fillfactor = 70);
comment on table public.webhook_deliveries is
'One row per endpoint and event. webhook_id: the header of that name, the same at each attempt and for ever.
version: of the order, where the event is one''s; those of an order go out in this order, one after the other. failed: after all
attempts. discarded: nobody wants it any more. starts: also the fence of a result. failures: since it was
last asked for.';
create index webhook_deliveries_event_id_idx on public.webhook_deliveries (event_id);
create index webhook_deliveries_order_id_idx on public.webhook_deliveries (order_id);
create index webhook_deliveries_created_at_idx on public.webhook_deliveries (endpoint_id, created_at);
create index webhook_deliveries_pending_idx on public.webhook_deliveries (endpoint_id, due_at, id)
where status = 'pending';
create index webhook_deliveries_leased_idx on public.webhook_deliveries (endpoint_id, leased_until)
where status = 'delivering';
create index webhook_deliveries_open_order_idx on public.webhook_deliveries (endpoint_id, order_id, version)
where status in ('pending', 'delivering');

create table public.webhook_attempts (
  delivery_id bigint not null references public.webhook_deliveries (id) on delete cascade,
  number integer not null,
  ended_at timestamptz not null default clock_timestamp(),
  status_code integer,
  milliseconds integer,
  response text,
  error text,
  primary key (delivery_id, number)
);
comment on table public.webhook_attempts is
'What came of each attempt. number: the start of the delivery. response: the beginning of the answer''s body.
error: a stable code, where there was no answer.';

alter table public.webhook_endpoints enable row level security;
alter table private.webhook_secrets enable row level security;
alter table public.webhook_deliveries enable row level security;
alter table public.webhook_attempts enable row level security;
create policy "staff read webhook endpoints" on public.webhook_endpoints
for select to authenticated
using ((select private.is_staff()));
create policy "staff read webhook deliveries" on public.webhook_deliveries
for select to authenticated
using ((select private.is_staff()));
create policy "staff read webhook attempts" on public.webhook_attempts
for select to authenticated
using ((select private.is_staff()));
revoke all on public.webhook_endpoints, public.webhook_deliveries, public.webhook_attempts
from anon, authenticated, service_role;
grant select on public.webhook_endpoints, public.webhook_deliveries, public.webhook_attempts
to authenticated, service_role;

create function private.is_public_address(address inet) returns boolean
language sql immutable
set search_path = ''
as $$
  select case family(address)
    when 4 then not address <<= any ('{0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8,
      168.63.129.16/32, 169.254.0.0/16,
      172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15,
      198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/3}'::inet[])
    else address <<= '2000::/3' and not address <<= any (
      '{2001::/23, 2001:db8::/32, 2002::/16, 3fff::/20}'::inet[])
    end
$$;
comment on function private.is_public_address(inet) is
'Whether an address that somebody wrote may be one of the public internet. What names resolve to is judged by
the function that connects: functions/webhooks/addresses.py.';

create function private.refuse_webhook_url(reason text) returns void
language sql
set search_path = ''
as $$
  select private.refuse(422, 'invalid_webhook_url',
    'Webhooks go to https addresses of the public internet, without user name or fragment.',
    jsonb_build_object('reason', reason))
$$;

create function private.is_literal_public(host text) returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  -- An address in any other notation, such as 127.1, 0x7f.1 or 2130706433, has no business here.
  if host !~ '^\[' and host !~ '^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$' then
    return false;
  end if;
  return private.is_public_address(trim(both '[]' from host)::inet);
exception
  when invalid_text_representation then
    return false;
end
$$;

create function private.check_webhook_url(url text) returns void
language plpgsql
set search_path = ''
as $$
declare
  parts constant text[] := regexp_match(
    url,
    '^(https?)://(\[[0-9a-fA-F:.]+\]|(?:[a-zA-Z0-9_-]{1,63}\.)*[a-zA-Z0-9_-]{1,63}\.?)(?::(\d{1,5}))?'
    '(?:[/?][!"$-\[\]-~]*)?$');
  host constant text := rtrim(lower(parts[2]), '.');
  port constant integer := coalesce(parts[3]::integer, 443);
  loopback constant boolean := host ~ '^(localhost|127\.0\.0\.1|\[::1\])$';
begin
  if parts is null or char_length(url) > 2000 then
    perform private.refuse_webhook_url('malformed');
  end if;
  -- Services that talk before they listen, or take commands line by line.
  if port not between 1 and 65535
    or port in (21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 993, 995, 3306, 5432, 6379, 11211)
  then
    perform private.refuse_webhook_url('port');
  end if;
  if loopback and private.secret('loopback_webhooks') = 'allowed' then
    return;
  end if;
  if parts[1] <> 'https' then
    perform private.refuse_webhook_url('not_https');
  end if;
  if host ~ '(^\[|(^|\.)(\d+|0x[0-9a-f]*)$)' and not private.is_literal_public(host)
    or host !~ '[.:]' or host ~ '(^|\.)(localhost|local|internal)$'
  then
    perform private.refuse_webhook_url('private_address');
  end if;
end
$$;
comment on function private.check_webhook_url(text) is
'Refuses what can be seen to be no public https address. The Vault''s loopback_webhooks, "allowed", is for
development.';

create function private.webhook_secrets_of(endpoint uuid) returns text[]
language plpgsql stable
set search_path = ''
as $$
begin
  return array(
    select private.secret('webhook_secret_' || known.id)
    from private.webhook_secrets as known
    where known.endpoint_id = endpoint and coalesce(known.expires_at > clock_timestamp(), true)
    order by known.created_at desc);
end
$$;
comment on function private.webhook_secrets_of(uuid) is 'The live secrets of an endpoint, the newest first.';

create function private.add_webhook_secret(endpoint uuid) returns text
language plpgsql
set search_path = ''
as $$
declare
  secret constant text := 'whsec_' || encode(extensions.gen_random_bytes(32), 'base64');
  added uuid;
begin
  insert into private.webhook_secrets (endpoint_id) values (endpoint) returning id into added;
  perform private.set_secret('webhook_secret_' || added, secret);
  return secret;
end
$$;

create function private.remove_webhook_secrets(unwanted uuid[]) returns integer
language plpgsql
set search_path = ''
as $$
begin
  delete from vault.secrets where name = any (select 'webhook_secret_' || unnest(unwanted));
  delete from private.webhook_secrets where id = any (unwanted);
  return cardinality(unwanted);
end
$$;

create function private.rfc3339(moment timestamptz) returns text
language sql immutable
set search_path = ''
as $$
  select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- By the event alone, so that a replay says the same in the same bytes. No personal data, and under 20 kB:
-- an order has 100 items at most, and their names stay here.
create function private.webhook_payload(event public.order_events) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  told constant text[] := '{failure_code, carrier, tracking_number, refund_id, amount, currency, full, refunded}';
begin
  return (
    select jsonb_build_object(
      'type', event.type, 'timestamp', private.rfc3339(event.created_at),
      'data', jsonb_strip_nulls(jsonb_build_object(
        'position', event.xid || '-' || event.id, 'traceparent', event.traceparent,
        'order', jsonb_build_object(
          'id', subject.id, 'number', subject.number, 'status', event.status, 'version', event.version,
          'total', subject.total, 'currency', subject.currency,
          'placed_at', private.rfc3339(subject.created_at),
          'items', (
            select coalesce(jsonb_agg(jsonb_build_object(
              'product_id', product_id, 'quantity', quantity, 'unit_price', unit_price)
              order by product_id), '[]')
            from public.order_items where order_id = subject.id)),
        'details', (select jsonb_object_agg(key, value) from jsonb_each(event.data) where key = any (told)))))
    from public.orders as subject
    where subject.id = event.order_id);
end
$$;
comment on function private.webhook_payload(public.order_events) is
'What an endpoint is told of an event: {type, timestamp, data: {position, traceparent?, order: {id, number,
status, version, total, currency, placed_at, items: [{product_id, quantity, unit_price}]}, details?}}. status
and version are those of the event; amounts are minor units; position is that of the feed.';

create function private.image_webhook_payload(message jsonb) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  wanted constant uuid := message ->> 'image_id';
  processed_at constant timestamptz := message ->> 'at';
begin
  return (
    select jsonb_build_object(
      'type', 'image.processed', 'timestamp', private.rfc3339(processed_at),
      'data', jsonb_build_object('image', jsonb_build_object(
        'id', image.id, 'product_id', image.product_id, 'path', image.path, 'width', image.width,
        'height', image.height, 'colour', image.colour, 'variants', image.variants)))
    from public.product_images as image
    where image.id = wanted);
end
$$;
comment on function private.image_webhook_payload(jsonb) is
'What an endpoint is told of a picture: {type, timestamp, data: {image: {id, product_id, path, width, height,
colour, variants}}}, see public.product_images. Null if it is gone by now.';

insert into private.event_routes (event_type, queue) values ('image.processed', 'webhooks');

create function private.webhook_event_types() returns setof text
language sql stable
set search_path = ''
as $$
  select event_type from private.event_routes where queue = 'webhooks' order by event_type
$$;
