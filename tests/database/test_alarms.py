"""What the staff should look at: raised once, told by mail where wanted, cleared in the end."""

import uuid
from collections.abc import Callable

import pytest

from tests.database.conftest import Caller, RefusedError
from tests.database.line import Line, timed_out


def raise_alarm(line: Line, subject: str = "the cat") -> None:
    line.rows("select private.raise_alarm('ledger', %s, '{\"n\": 1}')", subject)


def test_an_alarm_is_raised_once_until_it_is_cleared(line: Line) -> None:
    raise_alarm(line)
    raise_alarm(line)
    raise_alarm(line, "the dog")
    assert [alarm["subject"] for alarm in line.alarms()] == ["the cat", "the dog"]
    line.rows("select private.clear_alarm('ledger', 'the cat')")
    assert [alarm["subject"] for alarm in line.alarms()] == ["the dog"]
    raise_alarm(line)
    assert len(line.alarms()) == 2


def test_the_staff_get_it_by_mail_where_the_shop_wants_that(line: Line) -> None:
    raise_alarm(line, "before")
    line.set_shop(staff_email="staff@example.com")
    raise_alarm(line)
    raise_alarm(line)
    [mail] = line.claim_mails()
    assert (mail["template"], mail["recipient"]) == ("alarm", "staff@example.com")
    assert (mail["data"]["kind"], mail["data"]["subject"]) == ("ledger", "the cat")
    assert mail["data"]["detail"] == {"n": 1}


def test_an_address_that_bounced_still_gets_alarms(line: Line) -> None:
    line.set_shop(staff_email="gone@example.com")
    line.rows(
        "insert into private.bounced_addresses values ('gone@example.com', '550')"
        " on conflict do nothing"
    )
    raise_alarm(line)
    assert line.send_mails() == ["alarm"]


def test_a_dead_letter_tells_the_staff(line: Line) -> None:
    line.set_shop(staff_email="staff@example.com")
    letter = line.dead(line.place(), timed_out)
    assert line.send_mails() == ["alarm"]
    [alarm] = line.alarms()
    assert alarm["detail"]["dead_letter_id"] == letter["id"]


def test_the_staff_acknowledge_it(line: Line, new_user: Callable[..., Caller]) -> None:
    raise_alarm(line)
    [alarm] = line.staff.query("select * from public.alarms where cleared_at is null")
    for caller, wanted, status in (
        (new_user(), alarm["id"], 403),
        (line.staff, uuid.uuid4(), 404),
    ):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.acknowledge_alarm", alarm_id=wanted)
        assert refused.value.status == status
    [first] = line.staff.call("public.acknowledge_alarm", alarm_id=alarm["id"])
    [second] = line.staff.call("public.acknowledge_alarm", alarm_id=alarm["id"])
    assert first["cleared_at"] == second["cleared_at"] is not None
    assert line.alarms() == []


def test_a_message_that_waits_too_long_raises_an_alarm_until_it_is_gone(line: Line) -> None:
    line.place()
    line.messages("orders")
    line.rows("select private.check_queues()")
    assert line.alarms() == []
    line.rows("update pgmq.q_orders set enqueued_at = now() - interval '16 minutes'")
    line.rows("select private.check_queues()")
    line.rows("select private.check_queues()")
    [alarm] = line.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("old_message", "orders")
    assert alarm["detail"]["age_seconds"] >= 960
    line.drain()
    line.rows("select private.check_queues()")
    assert line.alarms() == []


def test_what_was_dealt_with_is_forgotten_in_time_and_nothing_else(line: Line) -> None:
    for _ in range(3):
        line.rows("select pgmq.send('orders', '{}')")
    line.claim()
    fresh, old, still_open = line.letters()
    for letter in (fresh, old):
        line.staff.call("public.give_up_dead_letter", dead_letter_id=letter["id"])
    raise_alarm(line, "old")
    line.rows(
        "update private.dead_letters set resolved_at = now() - interval '15 days' where id = %s",
        old["id"],
    )
    line.rows(
        "update private.dead_letters set created_at = now() - interval '1 year' where id = %s",
        still_open["id"],
    )
    line.rows(
        "update public.alarms set cleared_at = now() - interval '91 days' where subject = 'old'"
    )
    line.rows(
        "insert into private.payment_events (id, type, effect, received_at) values"
        " (%s, 'old', 'ignored', now() - interval '91 days'),"
        " (%s, 'old', 'ignored', now() - interval '89 days')",
        "evt_old",
        "evt_young",
    )
    line.rows("select private.forget_logs(), private.forget_webhook_ids()")
    kept = line.rows(
        "select id from private.dead_letters where id = any (%s)",
        [fresh["id"], old["id"], still_open["id"]],
    )
    assert sorted(row["id"] for row in kept) == [fresh["id"], still_open["id"]]
    assert line.rows("select 1 from public.alarms where subject = 'old'") == []
    events = line.rows("delete from private.payment_events where type = 'old' returning id")
    assert [row["id"] for row in events] == ["evt_young"]
