-- What the shop itself has decided: one row.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.shop (
  only_row boolean primary key default true check (only_row),
  language text not null default 'en' check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  staff_email text check (char_length(staff_email) <= 254),
  capture text not null default 'at_once' check (capture in ('at_once', 'on_shipment')),
  time_to_confirm interval not null default '30 minutes' check (time_to_confirm > '0'),
  quote_lifetime interval not null default '15 minutes'
  check (quote_lifetime between '1 minute' and '1 day'),
  time_zone text not null default 'UTC'
  check (timestamptz '2000-01-01 00:00:00Z' at time zone time_zone is not null)
);
comment on table private.shop is
'The shop''s settings. language: of mails (BCP 47). staff_email: who gets alarms by mail. capture: when
money is taken; on_shipment only authorises it before. time_to_confirm: how long stock stays reserved while
the shopper confirms a payment at the bank. quote_lifetime: how long a quoted price is honoured. time_zone: of the shop''s days, in its books (IANA name).';
alter table private.shop enable row level security;
insert into private.shop default values;
