-- Experiments: who gets which arm, who has seen it, and what came of it.
set lock_timeout = '5s';
set statement_timeout = '60s';

create table public.experiments (
  name text primary key check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  description text not null default '' check (char_length(description) <= 2000),
  active boolean not null default false,
  started_at timestamptz not null default now(),
  ended_at timestamptz check (ended_at > started_at),
  weighed_at timestamptz not null default clock_timestamp(),
  salt text not null default encode(extensions.gen_random_bytes(16), 'hex')
);
comment on table public.experiments is
'Experiments run while active and between started_at and ended_at. salt: mixes subjects differently in each.
weighed_at: when an arm last came, went or changed its weight.';

create table public.experiment_arms (
  experiment text not null references public.experiments (name),
  name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  weight integer not null default 1 check (weight between 0 and 1000000),
  price_percent integer not null default 100 check (price_percent between 50 and 100),
  primary key (experiment, name)
);
comment on table public.experiment_arms is
'weight: its share among its experiment''s; 0 takes nobody new. price_percent: what a quote charges of the
price. An arm that somebody has seen cannot be deleted.';

create table public.experiment_exposures (
  experiment text not null,
  subject bytea not null check (length(subject) = 32),
  arm text not null,
  first_at timestamptz not null default clock_timestamp(),
  primary key (experiment, subject),
  foreign key (experiment, arm) references public.experiment_arms (experiment, name)
);
comment on table public.experiment_exposures is
'Who has seen which arm, once; whoever has, keeps it. subject: a hash that nobody can turn back.';
create index experiment_exposures_arm_idx on public.experiment_exposures (experiment, arm, first_at);

create table private.order_arms (
  order_id uuid not null references public.orders (id) on delete cascade,
  experiment text not null,
  arm text not null,
  primary key (order_id, experiment),
  foreign key (experiment, arm) references public.experiment_arms (experiment, name)
);
comment on table private.order_arms is 'The arms that the shopper had seen when the order was quoted.';
create index order_arms_arm_idx on private.order_arms (experiment, arm);

alter table public.experiments enable row level security;
alter table public.experiment_arms enable row level security;
alter table public.experiment_exposures enable row level security;
alter table private.order_arms enable row level security;
create policy "staff read experiments" on public.experiments
for select to authenticated
using ((select private.is_staff()));
create policy "staff read arms" on public.experiment_arms
for select to authenticated
using ((select private.is_staff()));
create policy "staff read exposures" on public.experiment_exposures
for select to authenticated
using ((select private.is_staff()));
revoke all on public.experiments, public.experiment_arms, public.experiment_exposures
from anon, authenticated;
revoke insert, update, delete, truncate on public.experiment_exposures from service_role;
grant select on public.experiments, public.experiment_arms, public.experiment_exposures to authenticated;

-- Both are part of every subject's hash.
create trigger forbid_change before update on public.experiments
for each row when ((new.name, new.salt) is distinct from (old.name, old.salt))
execute function private.forbid_change();

create function private.weights_changed() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  update public.experiments set weighed_at = clock_timestamp()
  where name in (new.experiment, old.experiment);
  return null;
end
$$;
create trigger weights_changed after insert or delete or update of weight on public.experiment_arms
for each row execute function private.weights_changed();

create function private.experiment_arm(subject bytea, arms text[], weights integer[]) returns text
language sql immutable
set search_path = ''
as $$
  select choice.arm
  from (
    select
      arm,
      sum(weight) over (order by arm collate "C") as upper_end,
      (('x' || encode(substring(subject from 1 for 4), 'hex'))::bit(32)::bigint
        * sum(weight) over ())::bigint >> 32 as point
    from unnest(arms, weights) as given (arm, weight)
    where weight > 0
  ) as choice
  where choice.point < choice.upper_end
  order by choice.upper_end
  limit 1
$$;
comment on function private.experiment_arm(bytea, text[], integer[]) is
'The arm of a subject: the first 32 bits of its hash are a point on a line, on which arms lie by name, as
long as their weights. null: no arm takes anybody.';

create function private.experiment_subject(experiment public.experiments, identity text) returns bytea
language sql immutable
set search_path = ''
as $$
  select sha256(convert_to(experiment.salt || ':' || experiment.name || ':' || identity, 'UTF8'))
$$;

create function private.expose(wanted text, identity text, records boolean default true) returns text
language plpgsql
set search_path = ''
as $$
declare
  experiment public.experiments;
  who bytea;
  seen text;
begin
  select * into experiment
  from public.experiments
  where name = wanted and active and started_at <= now() and (ended_at > now()) is not false;
  who := private.experiment_subject(experiment, identity);
  select arm into seen from public.experiment_exposures as known
  where known.experiment = experiment.name and known.subject = who;
  if seen is not null or experiment.name is null then
    return seen;
  end if;
  select private.experiment_arm(who, array_agg(arm.name), array_agg(arm.weight)) into seen
  from public.experiment_arms as arm
  where arm.experiment = wanted;
  if seen is null or not records then
    return seen;
  end if;
  -- Of two calls at once, the one that waits here sees what the other has recorded.
  insert into public.experiment_exposures (experiment, subject, arm) values (wanted, who, seen)
  on conflict on constraint experiment_exposures_pkey do nothing;
  select arm into seen from public.experiment_exposures as known
  where known.experiment = wanted and known.subject = who;
  return seen;
end
$$;
comment on function private.expose(text, text, boolean) is
'The arm that somebody sees, recorded at the first time; null if no such experiment runs.
identity: user:<id> or visitor:<id>. records: false only tells which arm it would be.';

create function engine.expose(experiment text, identity text, records boolean default true)
returns setof jsonb
language sql
security definer
set search_path = ''
as $$
  select jsonb_build_object('experiment', experiment, 'arm', arm)
  from private.expose(experiment, identity, records) as arm
  where arm is not null
$$;
comment on function engine.expose(text, text, boolean) is
'The arm of a running experiment that somebody sees, recorded at the first time: {experiment, arm}. No row:
no such experiment runs. identity: user:<id> or visitor:<id>. records: false only tells the arm.';

-- The survival function: Q(k + 2) = Q(k) + (x/2)^(k/2) e^(-x/2) / gamma(k/2 + 1), from Q(1) or Q(2).
create function private.chi_square_p(statistic double precision, degrees integer)
returns double precision
language plpgsql immutable
set search_path = ''
as $$
declare
  half constant double precision := statistic / 2;
  k integer := 2 - degrees % 2;
  term double precision;
  p double precision;
begin
  if half > 350 then
    return 0; -- and no underflow
  end if;
  p := case k when 1 then erfc(sqrt(half)) else exp(-half) end;
  term := case k when 1 then sqrt(half) * exp(-half) / (sqrt(pi()) / 2) else half * exp(-half) end;
  while k < degrees
  loop
    p := p + term;
    k := k + 2;
    term := term * half / (k / 2.0);
  end loop;
  return p;
end
$$;
comment on function private.chi_square_p(double precision, integer) is
'How probable a chi-square at least this large is.';

create function private.sample_ratio_p(wanted text) returns double precision
language sql stable
set search_path = ''
as $$
  select case when sum(arm.seen) >= 1000 and count(*) > 1 then
    private.chi_square_p(sum((arm.seen - arm.due) ^ 2 / nullif(arm.due, 0))::double precision, count(*)::integer - 1)
  end
  from (
    select seen, sum(seen) over () * weight::double precision / sum(weight) over () as due
    from (
      select arm.weight, (
        select count(*) from public.experiment_exposures as exposure
        where exposure.experiment = wanted and exposure.arm = arm.name
          and exposure.first_at >= experiment.weighed_at
      ) as seen
      from public.experiment_arms as arm
      join public.experiments as experiment on experiment.name = arm.experiment
      where arm.experiment = wanted and arm.weight > 0
    ) as counted
  ) as arm
$$;
comment on function private.sample_ratio_p(text) is
'How probable it is that arms of these weights were seen as unequally as they were, since the weights are
these. null: fewer than 1000 were exposed.';

create function private.sample_ratio_check() returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  experiment text;
  p double precision;
  skewed integer := 0;
begin
  for experiment in
    select name from public.experiments where active and (ended_at > now()) is not false
  loop
    p := private.sample_ratio_p(experiment);
    if p < 0.001 then
      perform private.raise_alarm('sample_ratio', experiment, jsonb_build_object('p', p));
      skewed := skewed + 1;
    elsif p is not null then
      perform private.clear_alarm('sample_ratio', experiment);
    end if;
  end loop;
  perform private.clear_alarm(alarm.kind, alarm.subject)
  from public.alarms as alarm
  where alarm.kind = 'sample_ratio' and alarm.cleared_at is null and not exists (
    select from public.experiments as running
    where running.name = alarm.subject and running.active and (running.ended_at > now()) is not false);
  return jsonb_build_object('skewed', skewed);
end
$$;
comment on function private.sample_ratio_check() is
'Raises an alarm for each experiment whose arms are seen too unequally to be chance (p < 0.001): something
loses subjects of an arm, and its results mean nothing. Clears those of experiments that have ended.';
insert into private.tasks (job, name, position) values ('hourly', 'sample_ratio_check', 50);

create function private.experiment_results(wanted text)
returns table (
  arm text, weight integer, price_percent integer, exposures bigint, orders bigint, revenue jsonb,
  sample_ratio_p double precision
)
language plpgsql stable
security definer
set search_path = ''
as $$
begin
  perform private.check_staff();
  if not exists (select from public.experiments where name = wanted) then
    perform private.refuse(404, 'experiment_not_found', 'There is no such experiment.');
  end if;
  return query
    select
      known.name, known.weight, known.price_percent,
      (
        select count(*) from public.experiment_exposures as exposure
        where exposure.experiment = wanted and exposure.arm = known.name),
      (
        select count(*) from private.order_arms as ordered
        where ordered.experiment = wanted and ordered.arm = known.name),
      (
        select coalesce(jsonb_object_agg(sold.currency, sold.kept), '{}')
        from (
          select payment.currency, sum(payment.captured - payment.refunded) as kept
          from private.order_arms as ordered
          join public.payments as payment on payment.order_id = ordered.order_id
          where ordered.experiment = wanted and ordered.arm = known.name
          group by payment.currency
        ) as sold),
      private.sample_ratio_p(wanted)
    from public.experiment_arms as known
    where known.experiment = wanted
    order by known.name;
end
$$;

create function public.experiment_results(name text)
returns table (
  arm text, weight integer, price_percent integer, exposures bigint, orders bigint, revenue jsonb,
  sample_ratio_p double precision
)
language sql stable
set search_path = ''
as $$ select * from private.experiment_results(name) $$;
comment on function public.experiment_results(text) is
'Staff: for each arm, how many saw it, what they ordered with a quote, and the money that stayed with the
shop by currency (minor units). sample_ratio_p: below 0.001 the arms were seen too unequally, and the rest
means nothing; null: too few yet. Refusals: staff_only, experiment_not_found.';

grant execute on function engine.expose(text, text, boolean) to service_role;
grant execute on function private.experiment_results(text), public.experiment_results(text)
to authenticated, service_role;
