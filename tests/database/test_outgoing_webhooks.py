"""Deliveries of webhooks: one per endpoint and event, in each order's order, until they arrive."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import Line, connected, unshippable, wait_until_blocked
from tests.webhooks.shop import (
    BROKEN,
    NO_ANSWER,
    STOPPED,
    Hooks,
    answered,
    delivered,
    message_id,
)

SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def completed(line: Line) -> Row:
    """An order that has come to its good end: placed, paid, shipped and completed."""
    order = line.arrived()
    line.send_mails()
    assert line.status(order) == "completed"
    return order


def test_an_event_is_one_delivery_for_each_endpoint_that_wants_it(hooks: Hooks) -> None:
    everything, paid, nothing = hooks.create(), hooks.create("order.paid"), hooks.create()
    hooks.verb("disable_webhook_endpoint", nothing)
    order = completed(hooks.line)
    hooks.line.rows("select private.route_events()")
    hooks.line.rows("select pgmq.send('webhooks', message) from pgmq.q_webhooks order by msg_id")
    sent = hooks.deliver()
    assert [row["type"] for row in hooks.deliveries(everything)] == [
        f"order.{name}" for name in ("placed", "paid", "shipped", "completed")
    ]
    assert [row["type"] for row in hooks.deliveries(paid)] == ["order.paid"]
    assert hooks.deliveries(nothing) == []
    assert sorted(sent) == sorted(message_id(order, version) for version in (1, 2, 2, 3, 4))
    assert hooks.line.messages("webhooks") == []


def test_what_is_told_is_said_by_the_event_alone(hooks: Hooks) -> None:
    hooks.create("order.paid")
    order = completed(hooks.line)
    [job] = hooks.claim()
    told = json.loads(job["body"])
    event = hooks.line.one(
        "select * from public.order_events where order_id = %s and version = 2", order["id"]
    )
    assert (told["type"], told["data"]["position"]) == (
        "order.paid", f"{event['xid']}-{event['id']}",
    )  # fmt: skip
    [item] = told["data"]["order"].pop("items")
    placed_at = told["data"]["order"].pop("placed_at")
    assert told["data"]["order"] == {
        "id": str(order["id"]), "number": order["number"], "total": 1000, "currency": "EUR",
        "status": "paid", "version": 2,
    }  # fmt: skip
    assert (item["quantity"], item["unit_price"]) == (1, 1000)
    assert told["timestamp"] == f"{event['created_at']:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert placed_at.endswith("Z")
    for private in (order["email"], "Test Street", "Test Person", "pm_card_visa", "payment_method"):
        assert private not in job["body"]


def test_the_biggest_order_is_told_of_in_less_than_20_kilobytes(hooks: Hooks) -> None:
    hooks.create()
    lines = [
        {"product_id": hooks.line.new_product(stock=1000), "quantity": 1000} for _ in range(100)
    ]
    hooks.line.shopper.place(lines)
    [job] = hooks.claim()
    assert 5_000 < len(job["body"].encode()) < 20_000


def test_a_reason_and_a_parcel_are_told_and_no_text_that_people_wrote(hooks: Hooks) -> None:
    hooks.create("order.shipping_failed", "order.shipped")
    failed, shipped = hooks.line.paid(), None
    hooks.line.step(ship=unshippable)
    hooks.line.drain()
    shipped = hooks.line.arrived()
    told = {json.loads(job["body"])["type"]: job["body"] for job in hooks.claim()}
    details = {kind: json.loads(body)["data"]["details"] for kind, body in told.items()}
    assert details["order.shipped"] == {"carrier": "test", "tracking_number": f"T{shipped['id']}"}
    assert details["order.shipping_failed"]["failure_code"] == "address_unknown"
    assert "Nobody lives there" not in told["order.shipping_failed"]
    assert hooks.line.status(failed) == "shipping_failed"


def test_the_deliveries_of_an_order_go_out_one_after_the_other(hooks: Hooks) -> None:
    endpoint = hooks.create()
    orders = [completed(hooks.line), completed(hooks.line)]
    for version in (1, 2, 3, 4):
        jobs = hooks.claim()
        assert [job["webhook_id"] for job in jobs] == [
            message_id(order, version) for order in orders
        ]
        assert hooks.claim() == []
        hooks.finish(*map(delivered, jobs))
    assert hooks.statuses(endpoint) == ["delivered"] * 8


def test_a_delivery_that_failed_holds_the_next_of_its_order_and_no_others(hooks: Hooks) -> None:
    hooks.create()
    held = completed(hooks.line)
    [first] = hooks.claim()
    assert hooks.finish(first | answered(400)) == ["retried"]
    other = completed(hooks.line)
    assert hooks.deliver() == [message_id(other, version) for version in (1, 2, 3, 4)]
    hooks.let_pass("10 seconds", {"endpoint_id": first["endpoint_id"]})
    assert hooks.deliver() == [message_id(held, version) for version in (1, 2, 3, 4)]


def test_workers_that_claim_at_once_keep_the_order(hooks: Hooks, database: Settings) -> None:
    """Each looks at its own snapshot: what one expands, the other must not overtake."""
    endpoint = hooks.create()
    orders = [completed(hooks.line) for _ in range(5)]

    def work(_: int) -> list[str]:
        sent = []
        role = ("service_role", {"role": "service_role"})
        with connected(database.database_url(), *role) as functions:
            worker = Hooks(replace(hooks.line, owner=functions, functions=functions))
            while hooks_left(worker):
                jobs = worker.claim(2)
                sent += [(job["message_id"], job["webhook_id"]) for job in jobs]
                worker.finish(*map(delivered, jobs))
        return [webhook_id for _, webhook_id in sent]

    def hooks_left(worker: Hooks) -> bool:
        left = worker.line.rows(
            "select 1 from public.webhook_deliveries where endpoint_id = %s"
            " having count(*) filter (where status = 'delivered') < 20",
            endpoint["endpoint_id"],
        )
        return bool(left)

    with ThreadPoolExecutor(3) as pool:
        sent = [one for part in pool.map(work, range(3)) for one in part]
    assert len(sent) == len(set(sent)) == 20
    for order in orders:
        moments = [row["delivered_at"] for row in hooks.deliveries(endpoint, order)]
        assert moments == sorted(moments)
        assert [row["starts"] for row in hooks.deliveries(endpoint, order)] == [1] * 4


def test_a_later_event_does_not_overtake_one_that_is_just_being_expanded(
    hooks: Hooks, database: Settings
) -> None:
    """What one claim has written and not committed, another does not see: it waits for it."""
    hooks.create()
    hooks.line.call("claim_webhooks", 100, 30)
    order = hooks.line.place()
    hooks.line.rows("select private.route_events()")
    url, role = database.database_url(), ("service_role", {"role": "service_role"})
    with (
        ThreadPoolExecutor(1) as pool,
        connected(url, *role) as first,
        connected(url, *role) as second,
    ):
        with first.transaction():
            [job] = first.execute("select engine.claim_webhooks() as job").fetchall()
            assert job["job"]["webhook_id"] == message_id(order, 1)
            hooks.line.step()
            hooks.line.rows("select private.route_events()")
            claim = pool.submit(lambda: second.execute("select engine.claim_webhooks()").fetchall())
            wait_until_blocked(hooks.line.owner, second.info.backend_pid)
        assert claim.result() == []


def test_a_message_that_nobody_understands_is_put_aside_and_holds_no_other(hooks: Hooks) -> None:
    endpoint = hooks.create()
    order = hooks.line.place()
    hooks.line.rows("select private.route_events()")
    for message in ("{}", '{"event_id": "x"}', '{"event_id": 999999999999999999}', "null"):
        hooks.line.rows("select pgmq.send('webhooks', %s::jsonb)", message)
    assert hooks.deliver() == [message_id(order, 1)]
    assert [letter["reason"] for letter in hooks.line.letters()] == ["unknown_event"] * 4
    assert hooks.statuses(endpoint) == ["delivered"]


def test_a_message_that_cannot_be_told_is_put_aside_and_holds_no_other(hooks: Hooks) -> None:
    endpoint = hooks.create()
    order = hooks.line.place()
    hooks.line.rows("select private.route_events()")
    for message in (
        {"type": "image.processed", "image_id": "x", "id": "1", "at": "x"},
        {"type": "image.processed"},
    ):
        hooks.line.rows("select pgmq.send('webhooks', %s)", Jsonb(message))
    hooks.line.step()
    assert hooks.deliver() == [message_id(order, 1), message_id(order, 2)]
    reasons = sorted(letter["reason"] for letter in hooks.line.letters())
    assert reasons == ["unexpected_error", "unknown_event"]
    assert hooks.statuses(endpoint) == ["delivered"] * 2
    assert hooks.line.messages("webhooks") == []


@pytest.mark.parametrize("put_back", [answered(400), STOPPED | {"delay_seconds": 600}])
def test_those_behind_a_delivery_that_waits_are_not_due_before_it(
    hooks: Hooks, put_back: Row
) -> None:
    """Or each claim would look at all of them in vain."""
    endpoint = hooks.create()
    order = hooks.line.paid()
    for _ in range(2):
        hooks.fail(put_back)
        hooks.line.step()
        assert hooks.claim() == []
        moments = [row["due_at"] for row in hooks.deliveries(endpoint)]
        assert moments == [moments[0]] * len(moments)
        hooks.let_pass("11 minutes", endpoint)
    assert hooks.deliver() == [message_id(order, version) for version in (1, 2, 3)]


@pytest.mark.parametrize(
    ("verb", "status"), [("renew_webhooks", "renewed"), ("finish_webhooks", "finished")]
)
def test_two_who_come_with_the_same_deliveries_do_not_wait_for_ever(
    hooks: Hooks, verb: str, status: str
) -> None:
    hooks.create()
    hooks.line.place_many(2)
    low, high = map(delivered, hooks.claim())
    with (
        ThreadPoolExecutor(1) as pool,
        hooks.line.another_worker() as first,
        hooks.line.another_worker() as second,
    ):
        with first.functions.transaction():
            first.call("renew_webhooks", [low])
            late = pool.submit(second.call, verb, [high, low])
            wait_until_blocked(hooks.line.owner, second.functions.info.backend_pid)
            first.call("renew_webhooks", [high])
        assert [row["status"] for row in late.result()] == [status] * 2


def test_a_worker_whose_lease_was_taken_over_changes_nothing(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    [stale] = hooks.claim()
    assert hooks.claim() == []
    hooks.let_pass("61 seconds", endpoint)
    assert hooks.claim() == []  # the next attempt has its pause
    for late in (delivered(stale), stale | NO_ANSWER, stale | STOPPED):
        assert hooks.finish(late) == ["lost"]
    hooks.let_pass("6 seconds", endpoint)
    [current] = hooks.claim()
    assert (current["message_id"], current["starts"]) == (stale["message_id"], 2)
    assert current["webhook_id"] == stale["webhook_id"]
    assert hooks.finish(delivered(stale)) == ["lost"]
    assert hooks.finish(delivered(current), delivered(current)) == ["finished", "lost"]
    assert [row["error"] for row in hooks.attempts(endpoint)] == ["no_result", None]


def test_a_delivery_that_kills_its_workers_ends(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    for _ in range(10):
        assert len(hooks.claim()) == 1
        hooks.let_pass("61 seconds", endpoint)
        assert hooks.claim() == []
        hooks.let_pass("2 days", endpoint)
    assert hooks.statuses(endpoint) == ["failed"]
    assert hooks.endpoint(endpoint)["failing_since"] is None


def test_holding_on_to_a_delivery_keeps_it(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    [job] = hooks.claim()
    hooks.let_pass("50 seconds", endpoint)
    assert [row["status"] for row in hooks.line.call("renew_webhooks", [job])] == ["renewed"]
    hooks.let_pass("50 seconds", endpoint)
    assert hooks.claim() == []
    assert hooks.finish(delivered(job)) == ["finished"]
    assert [row["status"] for row in hooks.line.call("renew_webhooks", [job])] == ["lost"]


def test_it_is_tried_ten_times_over_days_with_pauses_that_differ(hooks: Hooks) -> None:
    endpoint = hooks.create()
    order = hooks.line.paid()
    spread = []
    for pause in SCHEDULE:
        [job] = hooks.fail(answered(400))
        assert job["webhook_id"] == message_id(order, 1)
        due = hooks.deliveries(endpoint)[0]["due"]
        assert 0.8 * pause - 5 < due <= 1.2 * pause
        spread.append(due / pause)
        assert hooks.claim() == []
        hooks.let_pass(f"{due + 1} seconds", endpoint)
    assert max(spread) - min(spread) > 0.02
    hooks.line.rows(
        "update public.webhook_endpoints set failing_since = clock_timestamp() where id = %s",
        endpoint["endpoint_id"],
    )
    hooks.fail(answered(400))
    assert hooks.statuses(endpoint) == ["failed", "pending"]
    [alarm] = hooks.line.alarms()
    assert (alarm["kind"], alarm["detail"]["reason"]) == ("webhook", "too_many_failures")
    assert hooks.deliver() == [message_id(order, 2)]
    assert [row["status_code"] for row in hooks.attempts(endpoint)] == [400] * 10 + [204]


def test_only_2xx_is_success(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    for status in (302, 404, 500):
        hooks.fail(answered(status, response="x" * 2000))
        hooks.let_pass("2 days", endpoint)
    attempts = hooks.attempts(endpoint)
    assert [row["status_code"] for row in attempts] == [302, 404, 500]
    assert [len(row["response"]) for row in attempts] == [1000] * 3
    assert hooks.statuses(endpoint) == ["pending"]
    assert hooks.deliveries(endpoint)[0]["error"] == "status 500"


def test_what_was_not_tried_costs_no_attempt(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    for _ in range(12):
        hooks.fail(STOPPED)
        hooks.let_pass("2 seconds", endpoint)
    hooks.deliver()
    assert hooks.statuses(endpoint) == ["delivered"]
    assert len(hooks.attempts(endpoint)) == 1


def test_an_error_of_ours_is_not_held_against_the_endpoint(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    hooks.fail(BROKEN)
    assert hooks.deliveries(endpoint)[0]["failures"] == 1
    assert hooks.endpoint(endpoint)["failing_since"] is None


@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_no_more_are_taken_than_wanted(hooks: Hooks, wanted: int) -> None:
    hooks.create()
    hooks.line.place_many(5)
    assert len(hooks.claim(wanted)) == wanted


def test_one_bad_result_leaves_its_neighbours_alone(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(3)
    jobs = [delivered(job) for job in hooks.claim()]
    jobs[1]["data"] = {"status_code": "many"}
    assert hooks.finish(*jobs) == ["finished", "error", "finished"]
    assert hooks.statuses(endpoint) == ["delivered", "delivering", "delivered"]
