from collections.abc import Callable

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.test_place_order import lines, stock_of

STEPS = {"order.placed": "charge", "order.paid": "ship"}
PAID = {"provider": "stripe", "currency": "EUR"}


@pytest.fixture(autouse=True)
def empty_queues(owner: psycopg.Connection[Row]) -> None:
    """Each test sees only its own messages."""
    for queue in ("orders", "emails"):
        owner.execute("select pgmq.purge_queue(%s)", (queue,))


def claim(engine: Caller) -> list[Row]:
    return [row["claim_orders"] for row in engine.call("engine.claim_orders", steps=STEPS)]


def finish(engine: Caller, *results: Row) -> list[str]:
    rows = engine.call("engine.finish_orders", results=list(results))
    return [row["finish_orders"]["status"] for row in rows]


def charged(job: Row) -> Row:
    reference = f"pi_{job['order_id']}"
    data = PAID | {"reference": reference, "amount": job["amount"]}
    return job | {"outcome": "succeeded", "data": data}


def declined(job: Row) -> Row:
    data = {"provider": "stripe", "reference": f"pi_{job['order_id']}"}
    failure = {"failure_code": "card_declined", "failure_message": "Your card was declined."}
    return job | {"outcome": "failed", "data": data | failure}


def shipped(job: Row) -> Row:
    data = {"carrier": "test", "tracking_number": f"T{job['order_id']}"}
    return job | {"outcome": "succeeded", "data": data}


def claim_mails(engine: Caller) -> list[Row]:
    return [row["claim_emails"] for row in engine.call("engine.claim_emails")]


def finish_mails(engine: Caller, *results: Row) -> list[str]:
    rows = engine.call("engine.finish_emails", results=list(results))
    return [row["finish_emails"]["status"] for row in rows]


def make_visible(owner: psycopg.Connection[Row], queue: str) -> None:
    """Let every lease of the queue run out."""
    owner.execute(f"update pgmq.q_{queue} set vt = clock_timestamp()".encode())


def status_of(owner: psycopg.Connection[Row], order: Row) -> str:
    row = owner.execute("select status from public.orders where id = %s", (order["id"],)).fetchone()
    assert row
    return str(row["status"])


def test_an_order_goes_from_placed_to_completed(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product(stock=5)
    order = shopper.place(lines(product, 2))

    [charge] = claim(engine)
    assert (charge["step"], charge["amount"], charge["currency"]) == ("charge", 2000, "EUR")
    assert finish(engine, charged(charge)) == ["finished"]
    assert (status_of(owner, order), stock_of(owner, product)) == ("paid", (5, 2))

    [ship] = claim(engine)
    assert ship["step"] == "ship"
    assert finish(engine, shipped(ship)) == ["finished"]
    assert (status_of(owner, order), stock_of(owner, product)) == ("shipped", (3, 0))

    mails = claim_mails(engine)
    assert [mail["template"] for mail in mails] == ["order_confirmation", "order_shipped"]
    assert finish_mails(engine, *[mail | {"outcome": "sent"} for mail in mails]) == ["finished"] * 2
    assert status_of(owner, order) == "completed"
    events = shopper.query("select * from public.order_feed()")
    assert [event["type"] for event in events] == [
        "order.placed", "order.paid", "order.shipped", "order.completed",
    ]  # fmt: skip
    assert [event["version"] for event in events] == [1, 2, 3, 4]


def test_a_declined_card_ends_the_order_and_frees_the_stock(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product(stock=5)
    order = shopper.place(lines(product, 2))
    [charge] = claim(engine)
    assert finish(engine, declined(charge)) == ["finished"]
    assert (status_of(owner, order), stock_of(owner, product)) == ("payment_failed", (5, 0))
    [seen] = shopper.query("select * from public.orders")
    assert (seen["failure_code"], seen["failure_message"]) == (
        "card_declined",
        "Your card was declined.",
    )
    [mail] = claim_mails(engine)
    assert mail["template"] == "payment_problem"
    assert claim(engine) == []


def test_every_attempt_of_a_step_has_the_same_key(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    shopper.place(lines(new_product()))
    [first] = claim(engine)
    assert claim(engine) == []
    make_visible(owner, "orders")
    [second] = claim(engine)
    assert (second["key"], second["starts"]) == (first["key"], 2)
    assert second["reads"] == first["reads"] + 1


def test_a_worker_whose_lease_was_taken_over_changes_nothing(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    [stale] = claim(engine)
    make_visible(owner, "orders")
    [current] = claim(engine)
    assert finish(engine, declined(stale)) == ["lost"]
    assert status_of(owner, order) == "placed"
    assert finish(engine, charged(current)) == ["finished"]
    assert finish(engine, charged(current)) == ["lost"]
    assert status_of(owner, order) == "paid"


def test_an_unknown_outcome_is_tried_again_later_with_its_failures_counted(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    [job] = claim(engine)
    retry = {"outcome": "retry", "error": "timed out"}
    assert finish(engine, job | retry) == ["retried"]
    assert claim(engine) == []
    make_visible(owner, "orders")
    [again] = claim(engine)
    assert (again["failures"], again["key"]) == (1, job["key"])
    assert status_of(owner, order) == "placed"


def test_one_bad_result_leaves_its_neighbours_alone(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product(stock=50)
    orders = [shopper.place(lines(product)) for _ in range(3)]
    jobs = {job["order_id"]: job for job in claim(engine)}
    good, bad, other = (jobs[str(order["id"])] for order in orders)
    wrong = charged(bad)
    wrong["data"] = wrong["data"] | {"amount": 999_999}
    assert finish(engine, charged(good), wrong, charged(other)) == ["finished", "error", "finished"]
    assert [status_of(owner, order) for order in orders] == ["paid", "placed", "paid"]


def test_messages_that_nobody_understands_are_put_aside_with_a_reason(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    bad: list[object] = [
        {},
        [],
        "text",
        1,
        None,
        {"event_id": "1; drop table"},
        {"event_id": 10**17},
    ]
    for message in bad:
        owner.execute("select pgmq.send('orders', %s)", (Jsonb(message),))
        owner.execute("select pgmq.send('emails', %s)", (Jsonb(message),))
    [job] = claim(engine)
    assert job["order_id"] == str(order["id"])
    assert claim_mails(engine) == []
    buried = owner.execute("select queue, reason from private.dead_letters").fetchall()
    assert len(buried) == 2 * len(bad)
    assert {row["reason"] for row in buried} == {"unknown event"}


def test_an_order_is_cancelled_only_before_its_charge_begins(
    shopper: Caller, engine: Caller, new_product: Callable[..., str]
) -> None:
    product = new_product()
    early, late = shopper.place(lines(product)), shopper.place(lines(product))
    shopper.call("public.cancel_order", order_id=early["id"])
    [job] = claim(engine)
    assert job["order_id"] == str(late["id"])
    with pytest.raises(RefusedError) as refused:
        shopper.call("public.cancel_order", order_id=late["id"])
    assert (refused.value.status, refused.value.code) == (409, "order_not_cancellable")


def test_a_mail_whose_sender_died_is_listed_and_not_sent_again(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    finish(engine, charged(*claim(engine)))
    finish(engine, shipped(*claim(engine)))
    first, second = claim_mails(engine)
    assert finish_mails(engine, second | {"outcome": "sent"}) == ["finished"]
    make_visible(owner, "emails")
    [again] = claim_mails(engine)
    assert (again["email_id"], again["status"]) == (first["email_id"], "unknown")
    assert finish_mails(engine, first | {"outcome": "sent"}) == ["lost"]
    assert finish_mails(engine, again | {"outcome": "settled"}) == ["finished"]
    listed = owner.execute(
        "select status from public.emails where order_id = %s order by event_id", (order["id"],)
    ).fetchall()
    assert [row["status"] for row in listed] == ["unknown", "sent"]
    assert status_of(owner, order) == "completed"


def test_a_mail_that_could_not_be_handed_in_is_sent_later(
    shopper: Caller, engine: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    shopper.place(lines(new_product()))
    finish(engine, charged(*claim(engine)))
    [mail] = claim_mails(engine)
    assert finish_mails(engine, mail | {"outcome": "retry", "error": "refused"}) == ["retried"]
    make_visible(owner, "emails")
    [again] = claim_mails(engine)
    assert (again["email_id"], again["status"]) == (mail["email_id"], "claimed")


def test_wake_ups_are_signed_few_and_never_fail_the_order(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    owner.execute("select private.set_secret('functions_url', 'http://127.0.0.1:1')")
    owner.execute("select private.set_secret('webhook_secret', 'whsec_test')")
    product = new_product(stock=50)
    for _ in range(5):
        shopper.place(lines(product))
    [wake] = owner.execute("select * from net.http_request_queue").fetchall()
    assert wake["url"] == "http://127.0.0.1:1/orders/wake"
    assert "whsec_test" not in str(wake)
    headers, body = wake["headers"], bytes(wake["body"]).decode()
    signed = owner.execute(
        "select private.sign_webhook(%s, %s, %s, 'whsec_test') as signature",
        (headers["webhook-id"], int(headers["webhook-timestamp"]), body),
    ).fetchone()
    assert signed
    assert headers["webhook-signature"] == signed["signature"]
    owner.execute("delete from net.http_request_queue")
    owner.execute("select private.set_secret('functions_url', 'ftp://nobody')")
    shopper.place(lines(product))
    owner.execute("delete from vault.secrets")


def test_only_the_service_role_reaches_the_engine(shopper: Caller) -> None:
    for statement in (
        "select engine.claim_emails()",
        "select engine.claim_orders('{}')",
        "select pgmq.read('orders', 1, 1)",
        "select * from pgmq.q_orders",
        "select * from private.dead_letters",
        "select private.move_order(gen_random_uuid(), 'completed')",
        "select private.secret('webhook_secret')",
        "select private.wake('orders')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shopper.query(statement)
