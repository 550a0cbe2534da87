-- The ledger: what each table holds is said in the docstring of the package.

create table if not exists objects (
  sequence integer primary key autoincrement,
  document text not null check (json_valid(document)),
  id text not null as (json_extract(document, '$.id')),
  kind text not null as (json_extract(document, '$.object')),
  payment_intent text as (json_extract(document, '$.payment_intent')),
  created integer not null as (json_extract(document, '$.created'))
);
create unique index if not exists objects_id on objects (id);
create index if not exists objects_kind on objects (kind, sequence);
create index if not exists objects_payment_intent on objects (payment_intent, kind)
  where payment_intent is not null;
create table if not exists metadata (
  name text not null, value text not null, id text not null, primary key (name, value, id)
) without rowid;
create table if not exists idempotency_keys (
  key text primary key, path text not null, parameters text not null,
  request text not null, status integer not null, body text not null, created real not null
);
create index if not exists idempotency_keys_created on idempotency_keys (created);
create table if not exists deliveries (
  event text primary key, attempts integer not null default 0, due real, delivered_at real
);
create index if not exists deliveries_due on deliveries (due) where due is not null;
create table if not exists plans (id text primary key, due real not null);
create index if not exists plans_due on plans (due);
create view if not exists charges as
select id, payment_intent, created, document ->> 'status' status, document ->> 'amount' amount,
       document ->> 'amount_captured' amount_captured,
       document ->> 'amount_refunded' amount_refunded, document ->> 'currency' currency
from objects where kind = 'charge';
create view if not exists refunds as
select id, payment_intent, created, document ->> 'status' status, document ->> 'amount' amount,
       document ->> 'currency' currency
from objects where kind = 'refund';
create view if not exists balance_transactions as
select sequence, id, created, document ->> 'type' type, document ->> 'amount' amount,
       document ->> 'currency' currency, document ->> 'source' source
from objects where kind = 'balance_transaction';
