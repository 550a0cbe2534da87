"""Mails: found, and sent once more."""

from datetime import datetime
from uuid import uuid4

import pytest

from orderbase import InvalidRequest, NotFound
from orderbase.staff import AsyncStaff, Email
from tests.admin.conftest import Orders
from tests.sdk.staff.conftest import Row
from tests.waiting import until


@pytest.fixture
def completed(orders: Orders) -> Row:
    order = orders.place()
    orders.wait_for(order, "completed")
    return order


async def sent(staff: AsyncStaff, order: Row, many: int) -> list[Email]:
    async def all_sent() -> list[Email] | None:
        mails = await staff.emails.list(order_id=order["id"], statuses={"sent"})
        return mails if len(mails) == many else None

    return await until(all_sent, 30)


async def test_mails_are_found_by_what_they_are(staff: AsyncStaff, completed: Row) -> None:
    mails = await sent(staff, completed, 2)
    assert {mail.template for mail in mails} == {"order_confirmation", "order_shipped"}
    assert [mail.created_at for mail in mails] == sorted(
        (mail.created_at for mail in mails), reverse=True
    )
    newest = mails[0]
    found = await staff.emails.list(
        order_id=completed["id"], user_id=completed["user_id"], template=newest.template,
        recipient=newest.recipient.upper(), since=newest.created_at,
    )  # fmt: skip
    assert found == [newest]
    anybody = f"_{newest.recipient[1:]}"
    assert await staff.emails.list(order_id=completed["id"], recipient=anybody) == []
    assert await staff.emails.list(order_id=completed["id"], before=mails[-1].created_at) == []
    assert [m async for m in staff.emails.each(order_id=completed["id"])] == mails
    page = await staff.emails.list(order_id=completed["id"], limit=1)
    assert await staff.emails.list(order_id=completed["id"], after=page.next) == mails[1:]


async def test_a_mail_is_sent_as_often_as_it_is_asked_for(
    staff: AsyncStaff, completed: Row
) -> None:
    [mail, _] = await sent(staff, completed, 2)
    first, second = [await staff.emails.resend(mail.id) for _ in range(2)]
    assert (first.template, first.recipient) == (mail.template, mail.recipient)
    assert (mail.resend, first.resend, second.resend) == (0, 1, 2)
    assert {first.id, second.id} <= {one.id for one in await sent(staff, completed, 4)}


async def test_wrong_requests_are_refused(staff: AsyncStaff) -> None:
    with pytest.raises(NotFound) as missing:
        await staff.emails.resend(uuid4())
    assert missing.value.code == "email_not_found"
    naive = datetime(2026, 11, 1)  # noqa: DTZ001 - that is what is wrong
    for attempt, code in (
        (staff.emails.list(since=naive), "invalid_since"),
        (staff.emails.list(limit=1001), "invalid_limit"),
        (staff.emails.list(order_id="7"), "invalid_order_id"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == code
