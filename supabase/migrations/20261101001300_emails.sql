-- Mails: one row per (event, template, recipient), claimed before it is sent.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.mail_templates (
  event_type text primary key,
  template text not null,
  preference text check (preference in ('newsletter', 'notifications'))
);
comment on table private.mail_templates is
'Which mail tells of which event. preference: the wish that it needs; null: it belongs to an order or to
running the shop, and is always sent.';
alter table private.mail_templates enable row level security;
insert into private.mail_templates (event_type, template, preference) values
('user.created', 'welcome', 'notifications'),
('order.payment_action_required', 'payment_action', null),
('order.paid', 'order_confirmation', null),
('order.payment_failed', 'payment_problem', null),
('order.shipped', 'order_shipped', null),
('order.out_of_stock', 'out_of_stock', null),
('order.shipping_failed', 'shipping_problem', null),
('order.cancelled', 'order_cancelled', null),
('order.refund_completed', 'order_refunded', null),
('alarm.raised', 'alarm', null),
('report.ready', 'daily_report', null);

create table public.emails (
  id uuid primary key default gen_random_uuid(),
  event text not null,
  event_id bigint references public.order_events (id) on delete restrict,
  order_id uuid references public.orders (id) on delete restrict,
  user_id uuid references auth.users (id) on delete set null,
  alarm_id uuid references public.alarms (id) on delete cascade,
  report_id uuid references public.reports (id) on delete cascade,
  template text not null,
  recipient text not null,
  resend integer not null default 0,
  status text not null default 'queued'
  check (status in ('queued', 'claimed', 'sent', 'failed', 'unknown', 'unwanted')),
  claims integer not null default 0,
  failures integer not null default 0,
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (event, template, recipient, resend)
);
comment on table public.emails is
'queued: will be tried. claimed: being sent now. unknown: the sender died in between, so it may or may not
have arrived; never sent again by itself. unwanted: the recipient does not want such mails, or the address
has refused mail before. resend: counts what staff had sent again. claims: also the fence of a result.';
create index emails_created_at_idx on public.emails (created_at desc, id desc);
create index emails_order_id_idx on public.emails (order_id);
create index emails_event_id_idx on public.emails (event_id, template);
create index emails_user_id_idx on public.emails (user_id);
create index emails_alarm_id_idx on public.emails (alarm_id);
create index emails_report_id_idx on public.emails (report_id);
create trigger touch before update on public.emails
for each row execute function private.touch();

create table private.bounced_addresses (
  address text primary key,
  error text not null,
  bounced_at timestamptz not null default now()
);
comment on table private.bounced_addresses is
'Addresses that refused mail for good. Only what belongs to an order is still tried there.';
alter table private.bounced_addresses enable row level security;

alter table public.emails enable row level security;
create policy "staff read emails" on public.emails
for select to authenticated
using ((select private.is_staff()));
revoke all on public.emails from anon, authenticated, service_role;
grant select on public.emails to authenticated, service_role;

create function private.is_wanted(wanted private.mail_templates, recipient_id uuid, address text)
returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
  wish public.preferences;
begin
  if wanted.preference is null then
    return true;
  end if;
  select * into wish from public.preferences where user_id = recipient_id;
  return case wanted.preference
      when 'newsletter' then coalesce(wish.newsletter, false)
      else coalesce(wish.notifications, true)
    end
    and not exists (select from private.bounced_addresses where bounced_addresses.address = lower(is_wanted.address));
end
$$;

-- The mail that a message asks for, not written down yet. Without a recipient, it asks for none.
create function private.draft_mail(message jsonb, template text) returns public.emails
language plpgsql stable
set search_path = ''
as $$
declare
  draft public.emails;
begin
  draft.template := template;
  if template = 'welcome' then
    select 'user-created-' || id, id, email into draft.event, draft.user_id, draft.recipient
    from auth.users
    where id = (message ->> 'user_id')::uuid;
  elsif template = 'alarm' then
    select 'alarm-' || alarms.id, alarms.id, staff_email into draft.event, draft.alarm_id, draft.recipient
    from public.alarms, private.shop
    where alarms.id = (message ->> 'alarm_id')::uuid;
  elsif template = 'daily_report' then
    select 'report-' || reports.id, reports.id, staff_email
    into draft.event, draft.report_id, draft.recipient
    from public.reports, private.shop
    where reports.id = (message ->> 'report_id')::uuid;
  else
    select 'order-event-' || event.id, event.id, subject.id, subject.user_id, subject.email
    into draft.event, draft.event_id, draft.order_id, draft.user_id, draft.recipient
    from public.order_events as event
    join public.orders as subject on subject.id = event.order_id
    where event.id = (message ->> 'event_id')::bigint and event.type = message ->> 'type';
  end if;
  return draft;
end
$$;

create function private.next_status(known text, wanted boolean) returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return case known
    when 'claimed' then 'unknown'  -- its sender died in between
    when 'queued' then case when wanted then 'claimed' else 'unwanted' end
    else known
  end;
end
$$;

-- Claims the mail that a message asks for. Only one whose status comes back as `claimed` may be sent:
-- another was dealt with, or its sender died in between. Null: the message asks for none.
create function private.claim_mail(message jsonb) returns public.emails
language plpgsql
set search_path = ''
as $$
declare
  template private.mail_templates;
  draft public.emails;
  wanted boolean;
  mail public.emails;
begin
  if message ->> 'type' = 'email.resend' then
    update public.emails as known
    set claims = known.claims + 1, status = private.next_status(known.status, true)
    where id = (message ->> 'email_id')::uuid
    returning * into mail;
    return mail;
  end if;
  select * into template from private.mail_templates where event_type = message ->> 'type';
  draft := private.draft_mail(message, template.template);
  if template.event_type is null or coalesce(draft.recipient, '') = '' then
    return null;
  end if;
  wanted := private.is_wanted(template, draft.user_id, draft.recipient);
  insert into public.emails as known
    (event, event_id, order_id, user_id, alarm_id, report_id, template, recipient, status, claims)
  values (
    draft.event, draft.event_id, draft.order_id, draft.user_id, draft.alarm_id, draft.report_id,
    draft.template, draft.recipient, private.next_status('queued', wanted), 1)
  on conflict on constraint emails_event_template_recipient_resend_key do update
  set claims = known.claims + 1, status = private.next_status(known.status, wanted)
  returning * into mail;
  return mail;
exception
  when invalid_text_representation or numeric_value_out_of_range then
    return null;
end
$$;

create function private.mail_details(mail public.emails) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  details constant jsonb := jsonb_build_object('language', (select language from private.shop), 'data', '{}'::jsonb);
begin
  if mail.event_id is not null then
    return details || (
      select jsonb_build_object(
        'order_id', subject.id, 'number', subject.number, 'total', subject.total,
        'currency', subject.currency, 'placed_at', subject.created_at,
        'shipping_address', subject.shipping_address, 'traceparent', subject.traceparent,
        'items', private.order_lines(subject.id), 'data', event.data)
      from public.orders as subject
      join public.order_events as event on event.id = mail.event_id
      where subject.id = mail.order_id);
  elsif mail.alarm_id is not null then
    return details || (
      select jsonb_build_object('data', jsonb_build_object(
        'kind', kind, 'subject', subject, 'detail', detail, 'raised_at', raised_at))
      from public.alarms
      where id = mail.alarm_id);
  elsif mail.report_id is not null then
    return details || (
      select jsonb_build_object('data', data) from public.reports where id = mail.report_id);
  end if;
  return details || jsonb_build_object('data', jsonb_build_object('display_name', coalesce(
    (select display_name from public.profiles where user_id = mail.user_id), '')));
end
$$;

create function engine.claim_emails(wanted integer default 100, looks_again numeric default 0)
returns setof jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  read pgmq.message_record;
  mail public.emails;
begin
  for read in select * from private.take_messages('emails', wanted, looks_again)
  loop
    mail := private.claim_mail(read.message);
    if mail.id is null then
      perform private.bury('emails', read.msg_id, read.message, 'unknown_event',
        'No mail tells of this event.', read.read_ct);
    else
      return next jsonb_build_object(
        'message_id', read.msg_id, 'email_id', mail.id, 'claims', mail.claims, 'status', mail.status,
        'template', mail.template, 'recipient', mail.recipient, 'order_id', mail.order_id)
        || private.mail_details(mail);
    end if;
  end loop;
end
$$;
comment on function engine.claim_emails(integer, numeric) is
'Take due messages of the queue under a lease, at most `wanted`, and claim their mails. looks_again: see
claim_orders. Each row: message_id, email_id, claims, status (send it only if `claimed`), template,
recipient, language, order_id, data (of the event); and for an order number, total, currency, placed_at,
shipping_address, items, traceparent.';

-- The message of a mail that could not be sent after all attempts becomes a dead letter.
create function private.bury_mail(mail public.emails, message bigint, outcome text) returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.emails set status = 'failed' where id = mail.id;
  perform private.bury(
    'emails', message, jsonb_build_object('type', 'email.resend', 'email_id', mail.id),
    case outcome when 'broken' then 'unexpected_error' else 'too_many_failures' end,
    coalesce(mail.error, outcome), mail.failures, mail.order_id, mail.id);
end
$$;

create function private.finish_mail(result jsonb, policy private.queues) returns text
language plpgsql
set search_path = ''
as $$
declare
  message constant bigint := result ->> 'message_id';
  outcome constant text := result ->> 'outcome';
  mail public.emails;
begin
  update public.emails
  set status = case when outcome = 'settled' then status
      when outcome in ('retry', 'broken', 'postponed') then 'queued'
      else outcome end,
    failures = failures + (outcome in ('retry', 'broken'))::integer,
    error = case outcome when 'sent' then null else coalesce(result ->> 'error', error) end
  where id = (result ->> 'email_id')::uuid and claims = (result ->> 'claims')::integer
    and (status = 'claimed' or outcome = 'settled')
  returning * into mail;
  if mail.id is null then
    return 'lost';
  elsif outcome = 'postponed' then
    perform pgmq.set_vt('emails', message,
      greatest(1, least(3600, ceil(coalesce((result ->> 'delay_seconds')::numeric, 5))))::integer);
    return 'retried';
  elsif outcome in ('retry', 'broken')
    and mail.failures < private.attempts_of(policy, outcome)
  then
    perform pgmq.set_vt('emails', message, private.retry_delay(policy, mail.failures));
    return 'retried';
  elsif outcome in ('retry', 'broken') then
    perform private.bury_mail(mail, message, outcome);
  elsif (result #>> '{data,bounced}')::boolean then
    insert into private.bounced_addresses (address, error)
    values (lower(mail.recipient), coalesce(mail.error, outcome))
    on conflict (address) do update set error = excluded.error, bounced_at = now();
  end if;
  return 'finished';
end
$$;

-- shipped: the orders that may be complete now; the caller has locked them.
create function private.finish_mails(results jsonb, policy private.queues, shipped uuid[])
returns jsonb[]
language plpgsql
set search_path = ''
as $$
declare
  result jsonb;
  said text;
  settled bigint[] := '{}';
  replies jsonb[] := '{}';
begin
  for result in select value from jsonb_array_elements(results)
  loop
    said := private.finish_mail(result, policy);
    if said = 'finished' then
      settled := settled || (result ->> 'message_id')::bigint;
    end if;
    replies := replies || jsonb_build_object('message_id', result -> 'message_id', 'status', said);
  end loop;
  if cardinality(settled) > 0 then
    perform pgmq.delete('emails', settled);
  end if;
  perform private.complete_if_done(ordered)
  from (select distinct (value ->> 'order_id')::uuid as ordered from jsonb_array_elements(results)) as told
  where ordered = any (shipped);
  return replies;
end
$$;

-- When the batch fails, each result has a savepoint of its own: see engine.finish_orders.
create function engine.finish_emails(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  policy private.queues;
  -- Only a shipped order can be completed by its last mail, and the mail that says so is one of them.
  shipped constant uuid[] := array(
    select id from public.orders
    where id = any (array(select (value ->> 'order_id')::uuid from jsonb_array_elements(results)))
      and status = 'shipped');
  result jsonb;
begin
  select * into policy from private.queues where name = 'emails';
  perform private.lock_orders(shipped);
  -- Messages before their mails, as whoever reads the queue holds them.
  perform from pgmq.q_emails
  where msg_id in (select (value ->> 'message_id')::bigint from jsonb_array_elements(results))
  order by msg_id
  for update;
  begin
    return query select unnest(private.finish_mails(results, policy, shipped));
    return;
  exception
    when others then null;
  end;
  for result in select value from jsonb_array_elements(results)
  loop
    begin
      return query select unnest(private.finish_mails(jsonb_build_array(result), policy, shipped));
    exception
      when others then
        return next jsonb_build_object(
          'message_id', result -> 'message_id', 'status', 'error', 'error', sqlerrm);
    end;
  end loop;
end
$$;
comment on function engine.finish_emails(jsonb) is
'Record what became of mails. results: [{message_id, order_id, email_id, claims, outcome, data, error?,
delay_seconds?}] with outcome sent; failed, refused for good (data.bounced: because of the address);
unknown, no answer after it was handed over; retry, a passing fault; broken, an error that nobody foresaw;
postponed, nothing was tried, by delay_seconds; settled, nothing was to be sent.
Each row: message_id and status: finished, retried, lost (another worker owns it now), error.';

create function engine.renew_emails(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
  result jsonb;
  still_mine boolean;
begin
  select * into policy from private.queues where name = 'emails';
  for result in select value from jsonb_array_elements(results)
  loop
    still_mine := exists (
      select from public.emails
      where id = (result ->> 'email_id')::uuid and claims = (result ->> 'claims')::integer
    );
    if still_mine then
      perform pgmq.set_vt('emails', (result ->> 'message_id')::bigint, policy.lease_seconds);
    end if;
    return next jsonb_build_object(
      'message_id', result -> 'message_id', 'status', case when still_mine then 'renewed' else 'lost' end);
  end loop;
end
$$;
comment on function engine.renew_emails(jsonb) is
'Hold on to messages for another lease. results: [{message_id, order_id, email_id, claims}].
Each row: message_id and status: renewed, lost.';

grant execute on function engine.claim_emails(integer, numeric), engine.finish_emails(jsonb),
engine.renew_emails(jsonb)
to service_role;
