"""Good work and bad work in one batch: each is judged by itself."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.database.line import (
    Answer,
    Line,
    charged,
    declined,
    refunded,
    sent,
    shipped,
    timed_out,
    unshippable,
)


def _with(answer: Answer, **data: object) -> Answer:
    return lambda job: answer(job) | {"data": answer(job)["data"] | data}


BAD_CHARGES: dict[str, Answer] = {
    "wrong amount": _with(charged, amount=999_999),
    "no amount": _with(charged, amount=None),
    "amount of text": _with(charged, amount="much"),
    "wrong currency": _with(charged, currency="USD"),
    "no reference": _with(charged, reference=None),
    "no provider": _with(charged, provider=None),
    "no such outcome": lambda job: job | {"outcome": "perhaps"},
    "no outcome": lambda job: job | {"outcome": None},
    "no data": lambda job: job | {"outcome": "succeeded", "data": None},
    "starts of text": lambda job: charged(job) | {"starts": "first"},
}


@pytest.mark.parametrize("bad", BAD_CHARGES)
def test_one_bad_result_of_ten_leaves_its_neighbours_alone(line: Line, bad: str) -> None:
    product = line.new_product(stock=50)
    orders = [line.place(1, product) for _ in range(10)]
    jobs = {job["order_id"]: job for job in line.claim()}
    results = [charged(jobs[str(order["id"])]) for order in orders]
    results[4] = BAD_CHARGES[bad](jobs[str(orders[4]["id"])])
    replies = line.call("finish_orders", results)
    assert [reply["status"] for reply in replies] == ["finished"] * 4 + ["error"] + ["finished"] * 5
    assert replies[4]["error"]
    assert [reply["message_id"] for reply in replies] == [row["message_id"] for row in results]
    expected = ["paid"] * 4 + ["placed"] + ["paid"] * 5
    assert [line.status(order) for order in orders] == expected
    line.come_due()
    assert str(orders[4]["id"]) in {job["order_id"] for job in line.claim()}


def test_a_batch_holds_every_outcome_at_once(line: Line) -> None:
    product = line.new_product(stock=50)
    orders = [line.place(1, product) for _ in range(6)]
    line.step()
    first = line.claim()
    line.finish(unshippable(first[0]), unshippable(first[1]))
    more = [line.place(1, product) for _ in range(3)]
    jobs = first[2:] + line.claim()
    kinds = [job["step"] for job in jobs]
    assert sorted(kinds) == ["charge"] * 3 + ["refund"] * 2 + ["ship"] * 4
    answers = {"charge": [charged, declined, timed_out], "refund": [refunded], "ship": [shipped]}
    results = [
        answers[job["step"]][i % len(answers[job["step"]])](job) for i, job in enumerate(jobs)
    ]
    assert set(line.finish(*results)) == {"finished", "retried"}
    statuses = {line.status(order) for order in orders + more}
    assert statuses == {"shipped", "shipping_failed", "paid", "payment_failed", "placed"}


def test_one_bad_mail_result_leaves_its_neighbours_alone(line: Line) -> None:
    line.arrived()
    first, second = line.claim_mails()
    assert line.finish_mails(sent(first) | {"outcome": "perhaps"}, sent(second)) == [
        "error",
        "finished",
    ]


WEIRD: list[Any] = [
    {},
    [],
    "text",
    1,
    None,
    True,
    {"event_id": "1; drop table"},
    {"event_id": 10**17},
    {"event_id": 10**30},
    {"type": "order.placed"},
    {"type": "order.placed", "order_id": None},
    {"type": "order.placed", "order_id": 7},
    {"type": "order.placed", "order_id": {"id": 1}},
    {"type": "order.placed", "order_id": "'; drop table public.orders; --"},
    {"type": "order.placed", "order_id": "00000000-0000-4000-8000-000000000000"},
    {"type": "order.paid", "event_id": "-1"},
    {"type": "email.resend", "email_id": "nobody"},
    {"type": "email.resend", "email_id": "00000000-0000-4000-8000-000000000000"},
    {"type": "user.created", "user_id": [1]},
    {"type": "alarm.raised", "alarm_id": "\ud7ff"},
    {"type": ["order.placed"]},
    {"type": "no.such.type", "version": 99},
    {"type": "order.placed", "filling": "x" * 1_000_000},
]


def test_messages_that_nobody_understands_are_put_aside_with_a_reason(line: Line) -> None:
    product = line.new_product()
    orders = [str(line.place(1, product)["id"]) for _ in range(2)]
    for message in WEIRD:
        line.rows("select pgmq.send('orders', %s)", Jsonb(message))
        line.rows("select pgmq.send('emails', %s)", Jsonb(message))
    line.rows("select pgmq.send('orders', null)")
    jobs: list[str] = []
    while line.messages("orders"):
        found = line.claim()
        jobs += [job["order_id"] for job in found]
        line.finish(*[declined(job) for job in found])
    assert sorted(jobs) == sorted(orders)
    while (mails := line.claim_mails()) or any(m["due"] <= 0 for m in line.messages("emails")):
        assert {mail["template"] for mail in mails} <= {"payment_problem"}
    letters = line.letters()
    assert len(letters) == 2 * len(WEIRD) + 1
    assert {letter["reason"] for letter in letters} == {"unknown_event"}
    assert [row["message"] for row in letters if row["queue"] == "emails"] == WEIRD
    subjects = {alarm["subject"] for alarm in line.alarms() if alarm["kind"] == "dead_letter"}
    assert subjects == {f"dead letter {letter['id']}" for letter in letters}


def test_a_known_order_under_an_unknown_event_starts_nothing(line: Line) -> None:
    order = line.place()
    line.rows("delete from private.outbox")
    message = {"type": "order.exploded", "order_id": str(order["id"])}
    line.rows("select pgmq.send('orders', %s)", Jsonb(message))
    assert line.claim() == []
    assert [letter["reason"] for letter in line.letters()] == ["unknown_event"]
    assert line.status(order) == "placed"


def test_a_message_of_the_past_that_needs_nothing_leaves_quietly(line: Line) -> None:
    order = line.arrived()
    line.rows("select private.look_again(%s)", order["id"])
    assert line.claim() == line.messages("orders") == line.letters() == []
