-- Reports that the clock writes: each once for its period.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.reports (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('daily_sales', 'hourly')),
  period_start timestamptz not null,
  period_end timestamptz not null check (period_end > period_start),
  data jsonb not null,
  created_at timestamptz not null default now(),
  unique (kind, period_start)
);
comment on table public.reports is
'daily_sales: a day of the shop; {day, sales: rows of sales_summary by currency}, and uncounted: how many of its
events are missing there, if any; mailed to the staff. hourly: a row of hourly_report; {} if nothing happened; a
day long, it is mended by what was counted late.';
alter table public.reports enable row level security;
create policy "staff read reports" on public.reports
for select to authenticated
using ((select private.is_staff()));
revoke all on public.reports from anon, authenticated, service_role;
grant select on public.reports to authenticated, service_role;
insert into private.event_routes (event_type, queue) values ('report.ready', 'emails');
