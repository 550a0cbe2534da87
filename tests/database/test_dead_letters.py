"""What no retry could help waits for the staff, who try again or give up."""

from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import (
    Answer,
    Line,
    broken,
    declined,
    forestalled,
    out_of_stock,
    refund_refused,
    refunded,
    timed_out,
    unshippable,
)


def retry(line: Line, letter: Row) -> str:
    [row] = line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    return str(row["retry_dead_letter"])


def give_up(line: Line, letter: Row) -> str:
    [row] = line.staff.call("public.give_up_dead_letter", dead_letter_id=letter["id"])
    return str(row["give_up_dead_letter"])


def refusal(call: Callable[[], object]) -> tuple[object, object]:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.status, refused.value.code


@pytest.mark.parametrize("answer", [timed_out, broken])
def test_trying_again_begins_afresh_with_the_key_of_before(line: Line, answer: Answer) -> None:
    order = line.place()
    letter = line.dead(order, answer)
    waiting = line.order(order)
    assert (waiting["status"], waiting["interrupted_status"]) == ("needs_attention", "placed")
    assert waiting["failure_code"].startswith("charge_")
    assert retry(line, letter) == "retried"
    resumed = line.order(order)
    assert (resumed["status"], resumed["failure_code"]) == ("placed", None)
    [job] = line.claim()
    assert (job["key"], job["failures"]) == (letter["step_key"], 0)
    assert job["starts"] > letter["attempts"]
    line.finish(timed_out(job))
    line.come_due()
    line.drain()
    assert line.status(order) == "shipped"


def test_trying_again_twice_is_once(line: Line) -> None:
    order = line.place()
    letter = line.dead(order, timed_out)
    assert (retry(line, letter), retry(line, letter)) == ("retried", "retried")
    assert line.events(order).count("resumed") == 1
    assert len(line.messages("orders")) == 1
    line.drain()
    assert retry(line, letter) == "retried"
    assert line.claim() == []
    assert line.money(order) == (1000, 0)


def test_a_result_from_before_the_dead_letter_comes_too_late(line: Line) -> None:
    order = line.place()
    for _ in range(4):
        line.step(charge=timed_out)
        line.come_due()
    [job] = line.claim()
    line.finish(timed_out(job))
    retry(line, line.letters()[0])
    assert line.finish(declined(job)) == ["lost"]
    assert line.status(order) == "placed"


def test_its_alarm_is_raised_once_and_cleared_with_it(line: Line) -> None:
    order = line.place()
    letter = line.dead(order, timed_out)
    [alarm] = line.alarms()
    assert (alarm["kind"], alarm["subject"]) == ("dead_letter", f"dead letter {letter['id']}")
    assert alarm["detail"]["order_number"] == order["number"]
    retry(line, letter)
    assert line.alarms() == []


def test_a_refund_that_fails_ends_as_meant_once_it_works(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    line.step(ship=out_of_stock)
    letter = line.dead(order, timed_out)
    waiting = line.order(order)
    assert (waiting["status"], waiting["ending"]) == ("needs_attention", "out_of_stock")
    assert (waiting["failure_code"], line.stock(product)) == ("out_of_stock", (5, 2))
    retry(line, letter)
    line.drain()
    ended = line.order(order)
    assert (ended["status"], ended["failure_code"]) == ("out_of_stock", "out_of_stock")
    assert (line.stock(product), line.money(order)) == ((5, 0), (2000, 2000))


def test_a_refund_that_is_refused_is_one_dead_letter_with_its_cause(line: Line) -> None:
    order = line.paid()
    line.cancel(order)
    line.step(refund=refund_refused)
    [letter] = line.letters()
    assert (letter["reason"], letter["cause"]) == ("refund_refused", "The refund failed.")
    assert refusal(lambda: give_up(line, letter)) == (409, "cannot_give_up")
    assert line.status(order) == "needs_attention"
    assert [row["id"] for row in line.letters()] == [letter["id"]]
    retry(line, letter)
    [job] = line.claim()
    assert job["key"] != letter["step_key"], "the old key would bring the old answer"
    assert line.finish(refunded(job)) == ["finished"]
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))


def test_a_charge_that_is_given_up_is_made_sure_not_to_happen(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    letter = line.dead(order, timed_out)
    assert (give_up(line, letter), give_up(line, letter)) == ("given_up", "given_up")
    [job] = line.claim()
    assert (job["cancelling"], job["key"]) == (True, letter["step_key"])
    line.finish(forestalled(job))
    ended = line.order(order)
    assert (ended["status"], ended["failure_code"]) == ("cancelled", "given_up")
    assert (line.stock(product), line.alarms(), line.letters()) == ((5, 0), [], [])


def test_a_charge_that_had_happened_is_refunded_when_given_up(line: Line) -> None:
    order = line.place()
    give_up(line, line.dead(order, timed_out))
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))


def test_a_charge_that_is_given_up_after_it_ran_out_is_not_taken_any_more(line: Line) -> None:
    order = line.waiting_for_bank()
    line.run_out(order)
    give_up(line, line.dead(order, timed_out))
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))


def test_a_shipment_that_is_given_up_is_refunded(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    letter = line.dead(order, timed_out)
    assert give_up(line, letter) == "given_up"
    line.drain()
    ended = line.order(order)
    assert (ended["status"], ended["failure_code"]) == ("shipping_failed", "given_up")
    assert (ended["failure_message"], line.money(order)) == ("timed out", (2000, 2000))
    assert line.stock(product) == (5, 0)


def test_what_was_decided_stays_decided(line: Line) -> None:
    tried, given_up = line.place(), line.place()
    for _ in range(5):
        line.come_due()
        line.step(charge=timed_out)
    letters = {letter["order_id"]: letter for letter in line.letters()}
    retry(line, letters[tried["id"]])
    give_up(line, letters[given_up["id"]])
    assert refusal(lambda: give_up(line, letters[tried["id"]])) == (409, "dead_letter_resolved")
    assert refusal(lambda: retry(line, letters[given_up["id"]])) == (409, "dead_letter_resolved")
    assert refusal(lambda: retry(line, {"id": 0})) == (404, "dead_letter_not_found")
    row = line.one("select * from private.dead_letters where id = %s", letters[tried["id"]]["id"])
    assert (row["resolution"], row["resolved_by"]) == ("retried", line.staff.id)


def test_those_that_are_alike_are_tried_again_together(line: Line) -> None:
    shipping = line.paid()
    orders = line.place_many(4)
    for _ in range(5):
        line.come_due()
        line.step(charge=timed_out, ship=timed_out)
    other = line.place()
    line.dead(other, broken)
    charges = [letter for letter in line.letters() if "charge" in letter["step_key"]]
    [row] = line.staff.call(
        "public.retry_dead_letters_like",
        dead_letter_id=next(c["id"] for c in charges if c["order_id"] == orders[0]["id"]),
    )
    assert row["retry_dead_letters_like"] == 4
    assert {line.status(order) for order in orders} == {"placed"}
    assert line.status(shipping) == line.status(other) == "needs_attention"
    line.drain()
    assert {line.status(order) for order in orders} == {"shipped"}
    assert [line.money(order) for order in orders] == [(1000, 0)] * 4
    like_none = lambda: line.staff.call("public.retry_dead_letters_like", dead_letter_id=0)  # noqa: E731
    assert refusal(like_none) == (404, "dead_letter_not_found")


def test_a_message_that_nobody_understood_comes_back_as_it_was(line: Line) -> None:
    message = {"type": "order.placed", "order_id": "00000000-0000-4000-8000-000000000000"}
    line.rows("select pgmq.send('orders', %s)", Jsonb(message))
    line.claim()
    [letter] = line.letters()
    retry(line, letter)
    assert [row["message"] for row in line.messages("orders")] == [message]
    line.claim()
    [again] = line.letters()
    assert again["id"] != letter["id"]
    assert give_up(line, again) == "given_up"
    assert line.letters() == line.alarms() == []


def test_the_staff_list_them_by_pages_and_nobody_else_sees_them(
    line: Line, new_user: Callable[..., Caller]
) -> None:
    for _ in range(5):
        line.rows("select pgmq.send('orders', '{}')")
    line.claim()
    letters = line.letters()
    newest = [letter["id"] for letter in reversed(letters)]
    page = line.staff.call("public.dead_letters", max_rows=2)
    assert [row["id"] for row in page] == newest[:2]
    following = line.staff.call("public.dead_letters", max_rows=2, before=page[-1]["id"])
    assert [row["id"] for row in following] == newest[2:4]
    give_up(line, letters[0])
    assert len(line.staff.call("public.dead_letters")) == 4
    everything = line.staff.call("public.dead_letters", only_open=False)
    assert everything[4]["resolution"] == "given_up"
    assert refusal(lambda: new_user().call("public.dead_letters")) == (403, "staff_only")


def test_a_shipment_dies_while_its_order_is_left_alone(line: Line) -> None:
    """Its stock stays reserved, its money is kept, and no mail tells the shopper."""
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    line.send_mails()
    line.dead(order, timed_out)
    assert (line.stock(product), line.money(order)) == ((5, 2), (2000, 0))
    assert line.send_mails() == []
    assert line.events(order)[-1] == "needs_attention"


def test_an_unshippable_order_whose_refund_died_keeps_its_first_cause(line: Line) -> None:
    order = line.paid()
    line.step(ship=unshippable)
    line.dead(order, broken)
    assert line.order(order)["failure_code"] == "address_unknown"
    assert line.order(order)["failure_message"] == "Nobody lives there."
