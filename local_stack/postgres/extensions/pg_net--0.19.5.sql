-- Stand-in for pg_net. Same objects, same faults: the queue is unlogged, a request leaves after the
-- commit, is tried once, and is given up after its time-out. local_stack/net.py sends the requests.

create schema if not exists net;

create domain net.http_method as text check (upper(value) in ('GET', 'POST', 'DELETE'));

create unlogged table net.http_request_queue (
  id bigint generated always as identity,
  method net.http_method not null,
  url text not null,
  headers jsonb not null,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

create function net._urlencode_string(string varchar) returns text
language sql immutable strict
as $$
  select string_agg(
    case
      when character ~ '[A-Za-z0-9_.~-]' then character
      else upper(regexp_replace(encode(convert_to(character, 'UTF8'), 'hex'), '(..)', '%\1', 'g'))
    end, '' order by position)
  from regexp_split_to_table(string, '') with ordinality as characters (character, position)
$$;

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language sql immutable strict
as $$
  select case
    when cardinality(params_array) = 0 then url
    else url || case when strpos(url, '?') > 0 then '&' else '?' end
      || array_to_string(params_array, '&')
  end
$$;

create function net._enqueue(
  method text, url text, params jsonb, headers jsonb, body bytea, timeout_milliseconds int
) returns bigint
language plpgsql volatile
as $$
declare
  encoded text[];
  request_id bigint;
begin
  if url !~* '^https?://' then
    raise exception 'Couldn''t resolve proxy name or unsupported protocol in %', url;
  end if;
  select coalesce(array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}')
  into encoded
  from jsonb_each_text(params);
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    method, net._encode_url_with_params_array(url, encoded), coalesce(headers, '{}'), body,
    timeout_milliseconds
  )
  returning id into request_id;
  return request_id;
end
$$;

create function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000
) returns bigint
language sql volatile parallel safe security definer set search_path = ''
as $$
  select net._enqueue('GET', url, params, headers, null, timeout_milliseconds)
$$;

create function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000, body jsonb default null
) returns bigint
language sql volatile parallel safe security definer set search_path = ''
as $$
  select net._enqueue(
    'DELETE', url, params, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;

create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds int default 5000
) returns bigint
language plpgsql volatile parallel safe security definer set search_path = ''
as $$
declare
  content_type text;
begin
  select value into content_type
  from jsonb_each_text(coalesce(headers, '{}'))
  where lower(key) = 'content-type';
  if content_type is null then
    headers := coalesce(headers, '{}') || '{"Content-Type": "application/json"}';
  elsif content_type not ilike 'application/json%' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return net._enqueue(
    'POST', url, params, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds);
end
$$;

grant usage on schema net
to postgres, anon, authenticated, service_role, supabase_functions_admin;
grant all on all tables in schema net to postgres;
revoke execute on function net._enqueue from public;
revoke execute on function net.http_get, net.http_delete, net.http_post from public;
grant execute on function net.http_get, net.http_delete, net.http_post
to postgres, anon, authenticated, service_role, supabase_functions_admin;
