"""Alarms: the open ones, all of them, and acknowledging."""

from uuid import UUID, uuid4

import pytest

from orderbase import InvalidRequest, NotFound
from orderbase.staff import AsyncStaff
from tests.sdk.staff.conftest import Owner


@pytest.fixture
def alarms(owner: Owner) -> list[UUID]:
    """Three, raised one after the other; the last one first."""
    raised: list[UUID] = []
    for number in range(3):
        subject = f"test {uuid4()}"
        owner.execute(
            "select private.raise_alarm('ledger', %s, jsonb_build_object('number', %s::integer))",
            (subject, number),
        )
        query = "select id from public.alarms where subject = %s"
        raised += [row["id"] for row in owner.execute(query, (subject,))]
    return raised[::-1]


async def test_an_alarm_is_acknowledged_once(staff: AsyncStaff, alarms: list[UUID]) -> None:
    alarm = await staff.alarms.acknowledge(alarms[0])
    assert (alarm.id, alarm.kind, alarm.detail) == (alarms[0], "ledger", {"number": 2})
    assert alarm.cleared_at is not None
    assert alarm.cleared_at >= alarm.raised_at
    assert await staff.alarms.acknowledge(str(alarms[0])) == alarm
    still_open = [one.id async for one in staff.alarms.each()]
    assert [one for one in still_open if one in alarms] == alarms[1:]
    assert alarm in [one async for one in staff.alarms.each(only_open=False)]


async def test_pages_lead_to_each_alarm_once(staff: AsyncStaff, alarms: list[UUID]) -> None:
    page = await staff.alarms.list(limit=2)
    walked = [alarm.id for alarm in page]
    while page.next is not None:
        page = await staff.alarms.list(limit=2, after=page.next)
        walked += [alarm.id for alarm in page]
    assert len(walked) == len(set(walked))
    assert [one for one in walked if one in alarms] == alarms


async def test_there_is_no_such_alarm(staff: AsyncStaff) -> None:
    with pytest.raises(NotFound) as missing:
        await staff.alarms.acknowledge(uuid4())
    assert missing.value.code == "alarm_not_found"
    with pytest.raises(InvalidRequest) as refusal:
        await staff.alarms.acknowledge("seven")
    assert refusal.value.code == "invalid_alarm_id"
