"""Statements that bring an order, just placed, to where it needs an operator."""

# A charge whose every attempt failed; nothing was asked of the provider.
CHARGE = (
    """
    insert into private.order_steps (
      order_id, step, key, message_id, starts, failures, last_error, history)
    values (%(id)s, 'charge', private.step_key(%(id)s, 'charge', 1), 0, 5, 5,
      'APIError [bold]\x1b[31m',
      '[{"at": "2026-11-01T12:00:00Z", "outcome": "retry", "error": "APIError"}]')
    """,
    """
    select private.give_to_people(subject, intent, 'too_many_failures', '{"type": "order.placed"}')
    from public.orders as subject
    join private.order_steps as intent on intent.order_id = subject.id
    where subject.id = %(id)s
    """,
)

# Paid, and shipping waits for the staff, as with the carrier `manual`.
MANUAL_SHIPPING = (
    """
    select private.charge_succeeded(subject, jsonb_build_object('provider', 'test',
      'reference', 'test-' || id, 'amount', total, 'currency', currency, 'captured', true))
    from public.orders as subject
    where id = %(id)s
    """,
    """
    insert into private.order_steps (order_id, step, key, state, leased_until)
    values (%(id)s, 'ship', private.step_key(%(id)s, 'ship', 1), 'waiting',
      now() + interval '1 hour')
    """,
)
