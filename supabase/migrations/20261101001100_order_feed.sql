-- The feed: every event of orders, in an order that never changes and never shows a gap.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function public.order_feed(after text default null, max_rows integer default 100)
returns table (
  "position" text, order_id uuid, user_id uuid, type text, status public.order_status,
  version integer, data jsonb, created_at timestamptz
)
language plpgsql stable
set search_path = ''
as $$
declare
  everybody constant boolean := private.is_staff() or current_user = 'service_role';
  after_xid xid8 := '0';
  after_id bigint := 0;
begin
  if max_rows is null or max_rows not between 1 and 1000 then
    perform private.refuse(422, 'invalid_max_rows', 'max_rows must be from 1 to 1000.');
  end if;
  if after is not null then
    if after !~ '^\d{1,19}-\d{1,18}$' then
      perform private.refuse(422, 'invalid_position', 'This is not a position of the feed.');
    end if;
    after_xid := split_part(after, '-', 1)::xid8;
    after_id := split_part(after, '-', 2)::bigint;
  end if;
  -- Whoever was told a position was told it after its transaction had ended. A dump that is restored takes
  -- the events along, but counts transactions from the beginning: nothing would come for a long time.
  if (after_xid, after_id) > (pg_snapshot_xmax(pg_current_snapshot()), 0) then
    perform private.refuse(422, 'position_ahead',
      'The feed has not come that far: this position is from another database, or from before this one was '
      'restored. Begin with a new position or snapshot.');
  end if;
  -- Two queries, so that each can walk its own index.
  if everybody then
    return query
      select
        event.xid || '-' || event.id, event.order_id, event.user_id, event.type, event.status,
        event.version, event.data, event.created_at
      from public.order_events as event
      where (event.xid, event.id) > (after_xid, after_id)
        and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by event.xid, event.id
      limit max_rows;
  else
    return query
      select
        event.xid || '-' || event.id, event.order_id, event.user_id, event.type, event.status,
        event.version, event.data, event.created_at
      from public.order_events as event
      where event.user_id = (select auth.uid())
        and (event.xid, event.id) > (after_xid, after_id)
        and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by event.xid, event.id
      limit max_rows;
  end if;
end
$$;
comment on function public.order_feed(text, integer) is
'Events after a position, in order; the caller''s own, or all for staff. No later call ever shows an
event before a position already shown: events appear once every older transaction has ended.
max_rows: 1 to 1000. Refusals: invalid_position, position_ahead (begin with a new head), invalid_max_rows.';

create function public.order_feed_head() returns text
language sql stable
set search_path = ''
as $$ select pg_snapshot_xmin(pg_current_snapshot()) || '-0' $$;
comment on function public.order_feed_head() is
'A position before which nothing will ever appear: read it, then a snapshot, then the feed after it.';

grant execute on function private.refuse(integer, text, text, jsonb) to authenticated, service_role;
grant execute on function public.order_feed(text, integer), public.order_feed_head()
to authenticated, service_role;
