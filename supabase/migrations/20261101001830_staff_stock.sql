-- Goods that come in, and counts that find more or fewer. What orders do with stock is theirs alone.
set lock_timeout = '5s';
set statement_timeout = '60s';

create function private.check_movement(
  kind public.stock_movement_kind, change bigint, note text, idempotency_key uuid
) returns void
language plpgsql immutable
set search_path = ''
as $$
begin
  if idempotency_key is null then
    perform private.refuse(422, 'invalid_idempotency_key', 'A movement of stock needs an idempotency key.');
  end if;
  if change is null or change = 0 or change not between -1000000000 and 1000000000
    or kind = 'received' and change < 0
  then
    perform private.refuse(422, 'invalid_quantity',
      'What comes in is 1 to 1,000,000,000; an adjustment may also be negative, but not 0.');
  end if;
  if not private.is_text(to_jsonb(note), case kind when 'adjusted' then 1 else 0 end, 500) then
    perform private.refuse(422, 'invalid_note',
      'A note has at most 500 characters, and an adjustment needs one: say in a few words why.');
  end if;
end
$$;

-- The balance, locked, for a movement: nothing that is promised to orders can go away.
create function private.lock_stock(wanted uuid) returns public.inventory
language plpgsql
set search_path = ''
as $$
declare
  stock public.inventory;
begin
  select * into stock from public.inventory where product_id = wanted for update;
  if stock.product_id is null then
    perform private.refuse(404, 'product_not_found', 'There is no such product.');
  end if;
  return stock;
end
$$;

create function private.move_stock(
  wanted uuid, kind public.stock_movement_kind, change bigint, note text, idempotency_key uuid
) returns public.stock_movements
language plpgsql
security definer
set search_path = ''
set lock_timeout = '3s'
as $$
declare
  staff constant uuid := private.check_staff();
  stock public.inventory;
  moved public.stock_movements;
begin
  perform private.check_movement(kind, change, note, idempotency_key);
  -- First, so that of those who come with the same key all but one find what it has done.
  stock := private.lock_stock(wanted);
  select * into moved from public.stock_movements as known
  where known.idempotency_key = move_stock.idempotency_key;
  if moved.id is not null then
    if (moved.product_id, moved.kind, moved.on_hand_change, moved.note)
      is distinct from (wanted, move_stock.kind, change, move_stock.note)
    then
      perform private.refuse(422, 'idempotency_key_reused', 'This idempotency key belongs to another movement.');
    end if;
    return moved;
  end if;
  if stock.on_hand + change < stock.reserved then
    perform private.refuse(409, 'stock_reserved', 'Orders have reserved more than would be left.',
      jsonb_build_object('on_hand', stock.on_hand, 'reserved', stock.reserved, 'available', stock.available));
  end if;
  insert into public.stock_movements (
    product_id, kind, on_hand_change, reserved_change, note, idempotency_key, moved_by)
  values (wanted, kind, change, 0, note, idempotency_key, staff)
  returning * into moved;
  return moved;
exception
  when unique_violation then
    -- At this very moment, and of another product: the same one would have been waited for.
    perform private.refuse(422, 'idempotency_key_reused', 'This idempotency key belongs to another movement.');
  when lock_not_available then
    perform private.refuse(503, 'busy', 'The stock of this product is busy. Try again.');
end
$$;

create function public.receive_stock(
  product_id uuid, quantity bigint, idempotency_key uuid, note text default ''
) returns public.stock_movements
language sql set search_path = ''
as $$ select private.move_stock(product_id, 'received', quantity, note, idempotency_key) $$;
comment on function public.receive_stock(uuid, bigint, uuid, text) is
'Staff: goods came in. quantity: 1 to 1,000,000,000. The same key twice is once.
Refusals: staff_only, sign_in_required, product_not_found, invalid_quantity, invalid_note,
invalid_idempotency_key, idempotency_key_reused, busy.';

create function public.adjust_stock(
  product_id uuid, change bigint, note text, idempotency_key uuid
) returns public.stock_movements
language sql set search_path = ''
as $$ select private.move_stock(product_id, 'adjusted', change, note, idempotency_key) $$;
comment on function public.adjust_stock(uuid, bigint, text, uuid) is
'Staff: a count found more (change > 0) or fewer (change < 0); note says why. What orders have reserved cannot
go away: stock_reserved has on_hand, reserved and available. The same key twice is once.
Refusals: staff_only, sign_in_required, product_not_found, invalid_quantity, invalid_note,
invalid_idempotency_key, idempotency_key_reused, stock_reserved, busy.';

do $$
declare
  verb regprocedure;
begin
  foreach verb in array array[
    'private.move_stock(uuid, public.stock_movement_kind, bigint, text, uuid)',
    'public.receive_stock(uuid, bigint, uuid, text)', 'public.adjust_stock(uuid, bigint, text, uuid)'
  ]::regprocedure[]
  loop
    execute format('grant execute on function %s to authenticated, service_role', verb);
  end loop;
end
$$;
