"""Dead letters: listed with what may be done, retried and given up."""

import json
from uuid import uuid4

import pytest

from orderbase import AsyncOrderbase, Conflict, InvalidRequest, NotFound
from orderbase.staff import AsyncStaff, DeadLetter
from tests.admin.conftest import Orders
from tests.sdk.staff.conftest import Owner, Row
from tests.waiting import until

NOBODYS = 9_000_000_000_000

PAID = """
select private.charge_succeeded(subject, jsonb_build_object('provider', 'test',
  'reference', 'test-' || id, 'amount', total, 'currency', currency, 'captured', true))
from public.orders as subject
where id = %(id)s
"""


def failed(step: str) -> tuple[str, str]:
    """Statements: every attempt of a step failed; nothing was asked of the provider."""
    return (
        f"""
        insert into private.order_steps (
          order_id, step, key, message_id, starts, failures, last_error, history)
        select %(id)s, '{step}', private.step_key(%(id)s, '{step}', 1), -1 - count(*), 5, 5,
          'APIError', '[{{"at": "2026-11-01T12:00:00Z", "outcome": "retry", "error": "APIError"}}]'
        from private.dead_letters
        """,
        f"""
        select private.give_to_people(subject, intent, 'too_many_failures', '{{"type": "test"}}')
        from public.orders as subject
        join private.order_steps as intent on intent.order_id = subject.id
        where subject.id = %(id)s and intent.step = '{step}'
        """,
    )


async def unheard_of(owner: Owner, many: int = 1) -> list[int]:
    """Ids of dead letters made of messages that nobody understands, the newest first."""
    kind = f"order.unheard_of_{uuid4().hex}"
    for _ in range(many):
        owner.execute("select pgmq.send('orders', %s)", (json.dumps({"type": kind}),))
    owner.execute("select private.send_wake_up('orders')")

    async def buried() -> list[int] | None:
        query = (
            "select id from private.dead_letters"
            " where message ->> 'type' = %s and resolution is null order by id desc"
        )
        found = [int(row["id"]) for row in owner.execute(query, (kind,))]
        return found if len(found) == many else None

    return await until(buried, 20)


def of_order(owner: Owner, order: Row) -> int:
    query = "select id from private.dead_letters where order_id = %s"
    [row] = owner.execute(query, (order["id"],)).fetchall()
    return int(row["id"])


async def find(staff: AsyncStaff, letter_id: int) -> DeadLetter:
    [letter] = [
        one async for one in staff.dead_letters.each(only_open=False) if one.id == letter_id
    ]
    return letter


async def test_a_letter_is_as_its_row(staff: AsyncStaff, owner: Owner, orders: Orders) -> None:
    order = orders.place(*failed("charge"))
    [row] = owner.execute(
        "select * from private.dead_letters where order_id = %s", (order["id"],)
    ).fetchall()
    letter = await find(staff, row["id"])
    for name in (
        "queue", "order_id", "step_key", "email_id", "reason", "cause", "attempts", "message",
        "created_at", "resolution", "resolved_at", "resolved_by",
    ):  # fmt: skip
        assert getattr(letter, name) == row[name], name
    assert (letter.step, letter.actions) == ("charge", ("retry", "give_up"))
    [failure] = letter.history
    assert (failure.outcome, failure.error) == ("retry", "APIError")
    assert failure.at.isoformat() == "2026-11-01T12:00:00+00:00"


async def test_a_charge_is_retried_once(staff: AsyncStaff, owner: Owner, orders: Orders) -> None:
    order = orders.place(*failed("charge"))
    letter_id = of_order(owner, order)
    await staff.dead_letters.retry(letter_id)
    await staff.dead_letters.retry(letter_id)
    letter = await find(staff, letter_id)
    assert (letter.resolution, letter.actions) == ("retried", ())
    assert letter.resolved_at is not None
    with pytest.raises(Conflict) as refusal:
        await staff.dead_letters.give_up(letter_id)
    assert refusal.value.code == "dead_letter_resolved"

    async def completed() -> bool:
        return orders.status(order) == "completed"

    await until(completed, 20)


async def test_a_charge_is_given_up_once(
    back_office: AsyncOrderbase, owner: Owner, orders: Orders
) -> None:
    order = orders.place(*failed("charge"))
    letter_id = of_order(owner, order)
    letters = back_office.staff.dead_letters
    await letters.give_up(letter_id)
    await letters.give_up(letter_id)
    letter = await find(back_office.staff, letter_id)
    assert back_office.auth.user is not None
    assert (letter.resolution, letter.resolved_by) == ("given_up", back_office.auth.user.id)
    with pytest.raises(Conflict):
        await letters.retry(letter_id)


async def test_what_is_about_money_offers_no_giving_up(
    staff: AsyncStaff, owner: Owner, orders: Orders
) -> None:
    letter_id = of_order(owner, orders.place(PAID, *failed("refund")))
    letter = await find(staff, letter_id)
    assert (letter.step, letter.actions) == ("refund", ("retry",))
    with pytest.raises(Conflict) as refusal:
        await staff.dead_letters.give_up(letter_id)
    assert refusal.value.code == "cannot_give_up"


async def test_all_of_a_kind_are_retried_together(staff: AsyncStaff, owner: Owner) -> None:
    ids = await unheard_of(owner, 3)
    assert await staff.dead_letters.retry_like(ids[0]) >= 3
    for letter_id in ids:
        assert (await find(staff, letter_id)).resolution == "retried"


async def test_pages_lead_to_each_letter_once(staff: AsyncStaff, owner: Owner) -> None:
    ids = await unheard_of(owner, 3)
    page = await staff.dead_letters.list(limit=2)
    walked = [letter.id for letter in page]
    while page.next is not None:
        assert len(page) == 2
        page = await staff.dead_letters.list(limit=2, after=page.next)
        walked += [letter.id for letter in page]
    assert walked == sorted(set(walked), reverse=True)
    assert [letter_id for letter_id in walked if letter_id in ids] == ids
    await staff.dead_letters.give_up(ids[0])
    assert ids[0] not in {letter.id async for letter in staff.dead_letters.each()}
    assert ids[0] in {letter.id async for letter in staff.dead_letters.each(only_open=False)}


async def test_there_is_no_such_letter(staff: AsyncStaff) -> None:
    letters = staff.dead_letters
    for attempt in (
        letters.retry(NOBODYS),
        letters.retry_like(NOBODYS),
        letters.give_up(NOBODYS),
    ):
        with pytest.raises(NotFound) as refusal:
            await attempt
        assert refusal.value.code == "dead_letter_not_found"


async def test_what_is_no_page_is_refused(staff: AsyncStaff) -> None:
    for limit in (0, -1, 1001):
        with pytest.raises(InvalidRequest) as refusal:
            await staff.dead_letters.list(limit=limit)
        assert refusal.value.code == "invalid_limit"
    with pytest.raises(InvalidRequest) as refusal:
        await staff.dead_letters.list(after="7")
    assert refusal.value.code == "invalid_cursor"
