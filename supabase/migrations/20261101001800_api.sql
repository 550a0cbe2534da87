-- Answers of the HTTP API, kept under their idempotency keys.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.idempotency_keys (
  caller uuid not null references auth.users (id) on delete cascade,
  key text not null check (char_length(key) between 1 and 255),
  request_hash text not null,
  claim uuid not null default gen_random_uuid(),
  claimed_until timestamptz not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  primary key (caller, key)
);
comment on table private.idempotency_keys is
'Calls of the HTTP API that carry a key, and what was answered. answer: null while the call runs; its claim
ends at claimed_until, should it never come back. request_hash: keyed, because bodies may hold secrets.';
create index idempotency_keys_created_at_idx on private.idempotency_keys (created_at);
alter table private.idempotency_keys enable row level security;

create function engine.claim_idempotency_key(
  caller uuid, key text, request_hash text, lease_seconds integer default 60
) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  mine private.idempotency_keys;
begin
  begin
    insert into private.idempotency_keys as known (caller, key, request_hash, claimed_until)
    values (
      claim_idempotency_key.caller, claim_idempotency_key.key, claim_idempotency_key.request_hash,
      clock_timestamp() + make_interval(secs => lease_seconds))
    on conflict on constraint idempotency_keys_pkey do update
    set claim = excluded.claim, claimed_until = excluded.claimed_until
    where known.answer is null and known.request_hash = excluded.request_hash
      and known.claimed_until < clock_timestamp()
    returning * into mine;
  exception
    when foreign_key_violation then
      return next jsonb_build_object('state', 'nobody');
      return;
  end;
  if mine.claim is not null then
    return next jsonb_build_object('state', 'claimed', 'claim', mine.claim);
    return;
  end if;
  return query
    select jsonb_build_object('state', case
      when known.request_hash <> claim_idempotency_key.request_hash then 'reused'
      when known.answer is null then 'in_progress'
      else 'answered' end, 'answer', known.answer)
    from private.idempotency_keys as known
    where known.caller = claim_idempotency_key.caller and known.key = claim_idempotency_key.key;
end
$$;
comment on function engine.claim_idempotency_key(uuid, text, text, integer) is
'Begin a call under a key: {state, claim, answer}. state: claimed, go on; answered, by `answer`; in_progress,
somebody else is at it; reused, for another request; nobody, there is no such caller any more. No row: it was
given up at this moment.';

create function engine.settle_idempotency_key(caller uuid, key text, claim uuid, answer jsonb default null)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if answer is null then
    delete from private.idempotency_keys as known
    where known.caller = settle_idempotency_key.caller and known.key = settle_idempotency_key.key
      and known.claim = settle_idempotency_key.claim;
  else
    update private.idempotency_keys as known
    set answer = settle_idempotency_key.answer
    where known.caller = settle_idempotency_key.caller and known.key = settle_idempotency_key.key
      and known.claim = settle_idempotency_key.claim;
  end if;
  return;
end
$$;
comment on function engine.settle_idempotency_key(uuid, text, uuid, jsonb) is
'Keep the answer of a call for its key; null: nothing definite came of it, so the key is free. No rows.';

create function private.forget_idempotency_keys() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  many integer;
begin
  delete from private.idempotency_keys
  where created_at < now() - interval '48 hours' and claimed_until < clock_timestamp();
  get diagnostics many = row_count;
  return jsonb_build_object('deleted', many);
end
$$;
comment on function private.forget_idempotency_keys() is 'Removes keys of more than two days ago.';
insert into private.tasks (job, name, position) values ('daily', 'forget_idempotency_keys', 60);

grant execute on function
engine.claim_idempotency_key(uuid, text, text, integer),
engine.settle_idempotency_key(uuid, text, uuid, jsonb)
to service_role;
