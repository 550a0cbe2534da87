-- Stand-in for supabase_vault. Secrets are encrypted with a key that lies in a file beside the data,
-- so that neither a dump nor a replica shows them.

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create function vault._key() returns text
language sql stable security definer set search_path = ''
as $$ select pg_catalog.pg_read_file('vault.key') $$;

create function vault._encrypt(message text) returns text
language sql volatile security definer set search_path = ''
as $$
  select pg_catalog.encode(
    extensions.pgp_sym_encrypt(message, vault._key(), 'cipher-algo=aes256, s2k-mode=0'), 'base64')
$$;

create function vault._decrypt(message text) returns text
language sql stable security definer set search_path = ''
as $$
  select extensions.pgp_sym_decrypt(pg_catalog.decode(message, 'base64'), vault._key())
$$;

create view vault.decrypted_secrets as
select
  id,
  name,
  description,
  secret,
  vault._decrypt(secret) as decrypted_secret,
  key_id,
  nonce,
  created_at,
  updated_at
from vault.secrets;

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '',
  new_key_id uuid default null
) returns uuid
language sql security definer set search_path = ''
as $$
  insert into vault.secrets (secret, name, description, key_id)
  values (vault._encrypt(new_secret), new_name, new_description, new_key_id)
  returning id
$$;

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null
) returns void
language sql security definer set search_path = ''
as $$
  update vault.secrets
  set
    secret = coalesce(vault._encrypt(new_secret), secret),
    name = coalesce(new_name, name),
    description = coalesce(new_description, description),
    key_id = coalesce(new_key_id, key_id),
    updated_at = now()
  where id = secret_id
$$;

revoke execute on all functions in schema vault from public;
grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
-- A view calls its functions with the reader's rights.
grant execute on function vault._decrypt to postgres, service_role;
grant execute on function vault.create_secret, vault.update_secret to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on function vault.create_secret, vault.update_secret to service_role;
