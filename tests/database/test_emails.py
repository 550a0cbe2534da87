"""Mails: claimed before they are sent, so that none goes out twice and none is lost silently."""

import uuid
from collections.abc import Callable

import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import Line, broken, postponed, sent, timed_out


def listed(line: Line, order: Row) -> list[tuple[str, str, int]]:
    rows = line.rows(
        "select template, status, resend from public.emails where order_id = %s"
        " order by event_id, resend",
        order["id"],
    )
    return [(row["template"], row["status"], row["resend"]) for row in rows]


def mail_of(line: Line, mail: Row) -> Row:
    return line.one("select * from public.emails where id = %s", mail["email_id"])


def bounced(mail: Row) -> Row:
    return mail | {"outcome": "failed", "error": "550 no such user", "data": {"bounced": True}}


def test_a_mail_is_written_down_before_it_is_sent(line: Line) -> None:
    order = line.paid()
    [mail] = line.claim_mails()
    assert (mail["template"], mail["status"]) == ("order_confirmation", "claimed")
    assert mail["recipient"] == order["email"]
    assert (mail["number"], mail["total"], mail["items"][0]["quantity"]) == (
        order["number"], 1000, 1,
    )  # fmt: skip
    assert listed(line, order) == [("order_confirmation", "claimed", 0)]
    assert line.finish_mails(sent(mail)) == ["finished"]
    assert listed(line, order) == [("order_confirmation", "sent", 0)]
    assert line.messages("emails") == []


def test_a_mail_whose_sender_died_is_listed_and_not_sent_again(line: Line) -> None:
    order = line.arrived()
    first, second = line.claim_mails()
    assert line.finish_mails(sent(second)) == ["finished"]
    line.come_due("emails")
    [again] = line.claim_mails()
    assert (again["email_id"], again["status"]) == (first["email_id"], "unknown")
    assert line.finish_mails(sent(first)) == ["lost"]
    assert line.finish_mails(sent(again)) == ["finished"]
    assert [status for _, status, _ in listed(line, order)] == ["unknown", "sent"]
    assert (line.status(order), line.messages("emails")) == ("completed", [])


def test_a_sender_that_lost_its_claim_changes_nothing(line: Line) -> None:
    line.paid()
    [stale] = line.claim_mails()
    line.finish_mails(timed_out(stale))
    line.come_due("emails")
    [current] = line.claim_mails()
    assert (current["email_id"], current["claims"]) == (stale["email_id"], 2)
    for late in (sent, timed_out, bounced, postponed):
        assert line.finish_mails(late(stale)) == ["lost"]
    assert mail_of(line, current)["status"] == "claimed"
    assert line.finish_mails(sent(current), sent(current)) == ["finished", "lost"]


def test_an_event_that_comes_twice_is_one_mail(line: Line) -> None:
    order = line.paid()
    [message] = line.messages("emails")
    line.rows("select pgmq.send('emails', message) from pgmq.q_emails")
    first, second = line.claim_mails()
    assert first["email_id"] == second["email_id"]
    assert (first["status"], second["status"]) == ("claimed", "unknown")
    assert message["message"]["order_id"] == str(order["id"])
    assert len(listed(line, order)) == 1


def test_a_mail_that_could_not_be_handed_in_is_sent_later_at_growing_pauses(line: Line) -> None:
    order = line.arrived()
    first, second = line.claim_mails()
    line.finish_mails(sent(second))
    mail = first
    for pause in (30, 120, 600, 3600):
        assert line.finish_mails(timed_out(mail)) == ["retried"]
        assert line.claim_mails() == []
        [message] = line.messages("emails")
        assert pause - 5 < message["due"] <= pause
        line.come_due("emails")
        [mail] = line.claim_mails()
        assert (mail["email_id"], mail["status"]) == (first["email_id"], "claimed")
    assert line.status(order) == "shipped"
    assert line.finish_mails(timed_out(mail)) == ["finished"]
    assert listed(line, order)[0] == ("order_confirmation", "failed", 0)
    [letter] = line.letters()
    assert (letter["queue"], letter["reason"], letter["cause"], letter["attempts"]) == (
        "emails", "too_many_failures", "timed out", 5,
    )  # fmt: skip
    assert (letter["email_id"], letter["order_id"]) == (uuid.UUID(first["email_id"]), order["id"])
    assert line.status(order) == "completed"


def test_a_mail_that_breaks_three_times_waits_for_people_who_send_it_after_all(line: Line) -> None:
    order = line.paid()
    for outcome in ("retried", "retried", "finished"):
        [mail] = line.claim_mails()
        assert line.finish_mails(broken(mail)) == [outcome]
        line.come_due("emails")
    [letter] = line.letters()
    assert letter["reason"] == "unexpected_error"
    for _ in range(2):
        line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    assert line.send_mails() == ["order_confirmation"]
    assert listed(line, order) == [("order_confirmation", "sent", 0)]


def test_a_dead_mail_that_is_given_up_stays_unsent(line: Line) -> None:
    order = line.paid()
    for _ in range(3):
        line.finish_mails(*[broken(mail) for mail in line.claim_mails()])
        line.come_due("emails")
    [letter] = line.letters()
    line.staff.call("public.give_up_dead_letter", dead_letter_id=letter["id"])
    assert (line.claim_mails(), line.alarms()) == ([], [])
    assert listed(line, order) == [("order_confirmation", "failed", 0)]


def test_a_mail_that_was_not_tried_costs_no_attempt(line: Line) -> None:
    line.paid()
    for _ in range(8):
        [mail] = line.claim_mails()
        assert line.finish_mails(postponed(mail)) == ["retried"]
        [message] = line.messages("emails")
        assert 2 < message["due"] <= 7
        line.come_due("emails")
    [mail] = line.claim_mails()
    assert (mail_of(line, mail)["failures"], line.letters()) == (0, [])
    assert line.finish_mails(sent(mail)) == ["finished"]


def test_a_mail_that_nobody_answered_for_is_listed_as_unknown(line: Line) -> None:
    order = line.paid()
    [mail] = line.claim_mails()
    assert line.finish_mails(mail | {"outcome": "unknown", "error": "no reply"}) == ["finished"]
    assert listed(line, order) == [("order_confirmation", "unknown", 0)]
    assert line.messages("emails") == []


def test_the_staff_have_a_mail_sent_again(line: Line, new_user: Callable[..., Caller]) -> None:
    order = line.paid()
    line.send_mails()
    mail = line.one("select * from public.emails where order_id = %s", order["id"])
    for resend in (1, 2):
        [again] = line.staff.call("public.resend_email", email_id=mail["id"])
        assert (again["resend"], again["recipient"]) == (resend, mail["recipient"])
        [claimed] = line.claim_mails()
        assert (claimed["email_id"], claimed["template"]) == (str(again["id"]), mail["template"])
        assert (claimed["status"], claimed["total"]) == ("claimed", 1000)
        line.finish_mails(sent(claimed))
    assert listed(line, order) == [("order_confirmation", "sent", n) for n in range(3)]
    for caller, wanted, status in (
        (new_user(), mail["id"], 403),
        (line.shopper, mail["id"], 403),
        (line.staff, uuid.uuid4(), 404),
    ):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.resend_email", email_id=wanted)
        assert refused.value.status == status


def test_an_address_that_bounces_still_gets_what_belongs_to_an_order(line: Line) -> None:
    order = line.arrived()
    first, second = line.claim_mails()
    assert line.finish_mails(bounced(first)) == ["finished"]
    assert listed(line, order)[0] == ("order_confirmation", "failed", 0)
    address = order["email"].lower()
    known = line.one("select * from private.bounced_addresses where address = %s", address)
    assert known["error"] == "550 no such user"
    assert line.finish_mails(sent(second)) == ["finished"]
    assert line.status(order) == "completed"
    line.paid()
    assert line.send_mails() == ["order_confirmation"]


def test_a_mail_that_is_refused_for_another_reason_marks_no_address(line: Line) -> None:
    order = line.paid()
    [mail] = line.claim_mails()
    assert line.finish_mails(mail | {"outcome": "failed", "error": "552 too big", "data": {}}) == [
        "finished"
    ]
    query = "select 1 from private.bounced_addresses where address = %s"
    assert line.rows(query, order["email"].lower()) == []
    assert line.letters() == []


def test_an_order_waits_for_its_mails_and_for_no_others(line: Line) -> None:
    order, other = line.arrived(), line.arrived()
    mails = line.claim_mails()
    own = [mail for mail in mails if mail["order_id"] == str(order["id"])]
    line.finish_mails(sent(own[0]))
    assert line.status(order) == "shipped"
    line.finish_mails(sent(own[1]))
    assert (line.status(order), line.status(other)) == ("completed", "shipped")


def test_holding_on_to_a_mail_keeps_it(line: Line) -> None:
    line.paid()
    [mail] = line.claim_mails()
    line.come_due("emails")
    [reply] = line.call("renew_emails", [mail])
    assert reply["status"] == "renewed"
    assert line.claim_mails() == []
    line.come_due("emails")
    line.claim_mails()
    [reply] = line.call("renew_emails", [mail])
    assert reply["status"] == "lost"


def test_each_status_that_has_a_mail_has_one(line: Line) -> None:
    """The templates that the function brings are those that the events ask for."""
    rows = line.rows("select event_type, template, preference from private.mail_templates")
    assert {row["event_type"]: row["template"] for row in rows} == {
        "user.created": "welcome",
        "order.payment_action_required": "payment_action",
        "order.paid": "order_confirmation",
        "order.payment_failed": "payment_problem",
        "order.shipped": "order_shipped",
        "order.out_of_stock": "out_of_stock",
        "order.shipping_failed": "shipping_problem",
        "order.cancelled": "order_cancelled",
        "order.refund_completed": "order_refunded",
        "alarm.raised": "alarm",
        "report.ready": "daily_report",
    }
    assert [row["template"] for row in rows if row["preference"]] == ["welcome"]
