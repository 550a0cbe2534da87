-- Mails about orders: one row per (event, template, recipient), claimed before it is sent.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table private.mail_templates (
  event_type text primary key,
  template text not null
);
comment on table private.mail_templates is 'Which mail tells of which event.';
alter table private.mail_templates enable row level security;
insert into private.mail_templates (event_type, template) values
('order.paid', 'order_confirmation'),
('order.shipped', 'order_shipped'),
('order.payment_failed', 'payment_problem'),
('order.cancelled', 'order_cancelled');

create table public.emails (
  id uuid primary key default gen_random_uuid(),
  event_id bigint not null references public.order_events (id) on delete restrict,
  order_id uuid not null references public.orders (id) on delete restrict,
  template text not null,
  recipient text not null,
  status text not null default 'claimed'
  check (status in ('queued', 'claimed', 'sent', 'failed', 'unknown')),
  failures integer not null default 0,
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (event_id, template, recipient)
);
comment on table public.emails is
'queued: will be tried again. claimed: being sent now. unknown: the sender died in between, so it may or
may not have arrived; never sent again by itself.';
create index emails_order_id_idx on public.emails (order_id);
create index emails_status_idx on public.emails (status) where status <> 'sent';
create trigger touch before update on public.emails
for each row execute function private.touch();

alter table public.emails enable row level security;
create policy "staff read emails" on public.emails
for select to authenticated
using ((select private.is_staff()));
revoke all on public.emails from anon, authenticated, service_role;
grant select on public.emails to authenticated, service_role;

-- The last step of an order: once all its mails are dealt with, nothing is due. The caller locked it.
create function private.complete_if_notified(ordered uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from public.orders where id = ordered and status = 'shipped')
    and not exists (
      select
      from public.order_events as event
      join private.mail_templates as wanted on wanted.event_type = event.type
      left join public.emails as mail on mail.event_id = event.id and mail.template = wanted.template
      where event.order_id = ordered and (mail.id is null or mail.status in ('queued', 'claimed'))
    )
  then
    perform private.move_order(ordered, 'completed');
  end if;
end
$$;

-- Claims the mail of an event. Only one whose status comes back as `claimed` may be sent: another was
-- dealt with, or its sender died in between.
create function private.start_mail(event public.order_events) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  subject public.orders;
  mail public.emails;
begin
  select * into subject from public.orders where id = event.order_id;
  insert into public.emails as known (event_id, order_id, template, recipient)
  select event.id, subject.id, template, subject.email
  from private.mail_templates
  where event_type = event.type
  on conflict on constraint emails_event_id_template_recipient_key do update
  set status = case known.status
    when 'queued' then 'claimed' when 'claimed' then 'unknown' else known.status
  end
  returning * into mail;
  return jsonb_build_object(
    'email_id', mail.id, 'status', mail.status, 'template', mail.template,
    'recipient', mail.recipient, 'order_id', subject.id, 'number', subject.number,
    'total', subject.total, 'currency', subject.currency, 'placed_at', subject.created_at,
    'shipping_address', subject.shipping_address,
    'items', private.order_lines(subject.id), 'data', event.data);
end
$$;

create function engine.claim_emails() returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  policy private.queues;
  message record;
  event public.order_events;
begin
  select * into policy from private.queues where name = 'emails';
  for message in select * from pgmq.read('emails', policy.lease_seconds, policy.batch_size)
  loop
    event := private.event_of(message.message);
    if event.id is null or event.type not in (select event_type from private.mail_templates) then
      perform private.bury('emails', message.msg_id, message.message, 'unknown event');
    else
      return next jsonb_build_object('message_id', message.msg_id, 'reads', message.read_ct)
        || private.start_mail(event);
    end if;
  end loop;
end
$$;
comment on function engine.claim_emails() is
'Take due messages of the queue under a lease and claim their mails. Each row: message_id, reads,
email_id, status (send it only if `claimed`), template, recipient, order_id, number, total, currency,
placed_at, shipping_address, items, data (of the event).';

create function private.finish_mail(result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  message constant bigint := result ->> 'message_id';
  outcome constant text := result ->> 'outcome';
  mail public.emails;
begin
  if not private.owns_message('emails', message, (result ->> 'reads')::integer) then
    return 'lost';
  end if;
  update public.emails
  set status = case outcome when 'settled' then status when 'retry' then 'queued' else outcome end,
    failures = failures + (outcome in ('retry', 'failed'))::integer,
    error = case outcome when 'sent' then null else coalesce(result ->> 'error', error) end
  where id = (result ->> 'email_id')::uuid
  returning * into mail;
  if outcome = 'retry' then
    perform pgmq.set_vt('emails', message, private.retry_delay(mail.failures));
    return 'retried';
  end if;
  perform private.complete_if_notified(mail.order_id);
  perform pgmq.archive('emails', message);
  return 'finished';
end
$$;

-- Each result has its own savepoint: see engine.finish_orders.
create function engine.finish_emails(results jsonb) returns setof jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  result jsonb;
begin
  perform private.lock_orders(
    array(select (value ->> 'order_id')::uuid from jsonb_array_elements(results)));
  for result in select value from jsonb_array_elements(results)
  loop
    begin
      return next jsonb_build_object(
        'message_id', result -> 'message_id', 'status', private.finish_mail(result));
    exception
      when others then
        return next jsonb_build_object(
          'message_id', result -> 'message_id', 'status', 'error', 'error', sqlerrm);
    end;
  end loop;
end
$$;
comment on function engine.finish_emails(jsonb) is
'Record what became of mails. results: [{message_id, reads, order_id, email_id, outcome, error?}] with
outcome sent, failed (refused for good), unknown (no answer after it was handed over), retry (a passing
fault), settled (nothing was sent).
Each row: message_id and status: finished, retried, lost (another worker owns it now), error.';

grant execute on function engine.claim_emails(), engine.finish_emails(jsonb) to service_role;
