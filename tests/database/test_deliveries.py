"""Events that come from outside: each once, and only those that our own rows bear out."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, Row
from tests.database.line import Line


@pytest.fixture
def order(line: Line) -> Row:
    """An order whose own messages are out of the way."""
    order = line.place()
    for queue in ("orders", "emails"):
        line.messages(queue)
        line.rows(f"select pgmq.purge_queue('{queue}')")
    return order


def event(kind: object, **subject: object) -> Row:
    fields = {name: str(value) for name, value in subject.items()}
    return {"id": str(uuid.uuid4()), "type": kind, **fields}


def deliver(line: Line, *events: Row) -> list[str]:
    """What became of each, in the order of their ids."""
    return [row["effect"] for row in line.call("deliver_events", list(events))]


def test_an_event_goes_where_our_own_goes(line: Line, order: Row) -> None:
    [happened] = line.rows("select id from public.order_events where order_id = %s", order["id"])
    assert deliver(line, event("order.placed", order_id=order["id"], total=1)) == ["delivered"]
    assert [row["message"] for row in line.messages("orders")] == [
        {"type": "order.placed", "order_id": str(order["id"]), "event_id": happened["id"]}
    ]
    assert [row["step"] for row in line.claim()] == ["charge"]


def test_the_same_message_is_one_event(line: Line, order: Row) -> None:
    once = event("order.placed", order_id=order["id"])
    assert deliver(line, once, once) == ["delivered", "repeated"]
    assert deliver(line, once) == ["repeated"]
    assert len(line.messages("orders")) == 1


def test_two_who_deliver_the_same_at_once_do_it_once(line: Line, order: Row) -> None:
    events = [event("order.placed", order_id=order["id"]) for _ in range(10)]
    with line.another_worker() as other, ThreadPoolExecutor(2) as threads:
        one = threads.submit(deliver, line, *events)
        two = threads.submit(deliver, other, *reversed(events))
        effects = one.result() + two.result()
    assert sorted(effects) == ["delivered"] * 10 + ["repeated"] * 10
    assert len(line.messages("orders")) == 10


def test_a_new_account_is_welcomed_however_often_it_is_told_of(
    line: Line, auth_admin: psycopg.Connection[Row]
) -> None:
    confirm = "update auth.users set email_confirmed_at = now() where id = %s"
    auth_admin.execute(confirm, (line.shopper.id,))
    assert line.send_mails() == ["welcome"]
    news = [event("user.created", user_id=line.shopper.id) for _ in range(2)]
    assert deliver(line, *news) == ["delivered"] * 2
    assert [mail["status"] for mail in line.claim_mails()] == ["sent"] * 2


def test_a_message_that_comes_again_after_its_user_has_gone_is_no_error(
    line: Line, auth_admin: psycopg.Connection[Row]
) -> None:
    auth_admin.execute(
        "update auth.users set email_confirmed_at = now() where id = %s", (line.shopper.id,)
    )
    once = event("user.created", user_id=line.shopper.id)
    assert deliver(line, once) == ["delivered"]
    auth_admin.execute("delete from auth.users where id = %s", (line.shopper.id,))
    assert deliver(line, once) == ["repeated"]


@pytest.mark.parametrize(
    "kind", ["order.nonsense", "order.%", "", None, 7, "alarm.raised", "email.resend", "job.due"]
)
def test_an_unknown_type_is_an_error_and_nothing_is_done(
    line: Line, order: Row, kind: object
) -> None:
    assert deliver(line, event(kind, order_id=order["id"])) == ["unknown_type"]
    assert line.messages("orders") + line.messages("emails") == []


@pytest.mark.parametrize("name", [uuid.uuid4(), "", "7", "' or true --", "{}", "null"])
def test_an_event_of_nobody_is_an_error(line: Line, name: object) -> None:
    news = [event("order.placed", order_id=name), event("user.created", user_id=name)]
    assert deliver(line, *news) == ["unknown_subject"] * 2


def test_what_has_not_happened_is_not_believed(
    line: Line, order: Row, new_user: Callable[..., Caller]
) -> None:
    """Neither money that nobody took, nor a guest's account."""
    guest = new_user(email=None)
    news = [event("order.paid", order_id=order["id"]), event("user.created", user_id=guest.id)]
    assert deliver(line, *news) == ["unknown_subject"] * 2
    assert line.status(order) == "placed"
    assert line.messages("emails") == []


def test_a_bad_event_spoils_no_good_one_and_may_come_again(line: Line, order: Row) -> None:
    early = event("order.paid", order_id=order["id"])
    good = event("order.placed", order_id=order["id"])
    assert sorted(deliver(line, early, good)) == ["delivered", "unknown_subject"]
    line.step()
    assert line.status(order) == "paid"
    assert deliver(line, early) == ["delivered"]


def test_what_follows_a_bad_event_of_its_group_is_held_up(line: Line, order: Row) -> None:
    good, bad = ({"type": kind, "order_id": str(order["id"])} for kind in ("order.placed", "x"))
    given = [good, bad, good, good, bad, good]
    groups = ["a", "a", "a", "b", None, None]
    news: list[Row] = [
        {"id": str(uuid.uuid4()), "group": group, **said}
        for said, group in zip(given, groups, strict=True)
    ]
    effects = {row["id"]: row["effect"] for row in line.call("deliver_events", news)}
    assert [effects[event["id"]] for event in news] == [
        *("delivered", "unknown_type", "held_up", "delivered", "unknown_type", "delivered")
    ]
    assert len(line.messages("orders")) == 3


def test_ids_are_kept_for_longer_than_a_message(line: Line, order: Row) -> None:
    old, young = (event("order.placed", order_id=order["id"]) for _ in range(2))
    deliver(line, old, young)
    age = "update private.delivered_events set received_at = now() - %s::interval where id = %s"
    line.rows(age, "14 days 1 hour", young["id"])
    line.rows(age, "16 days", old["id"])
    [done] = line.rows("select private.forget_deliveries() as summary")
    assert done["summary"] == {"deleted": 1}
    assert deliver(line, young) == ["repeated"]
    assert line.rows("select 1 from private.tasks where name = 'forget_deliveries'")
