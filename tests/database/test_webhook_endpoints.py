"""Endpoints of webhooks that are slow, down, or gone: they are spared, and miss nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import connected, wait_until_blocked
from tests.webhooks.shop import NO_ANSWER, Hooks, answered, delivered, message_id

_DISABLE = "select public.disable_webhook_endpoint(%s)"


def paused(hooks: Hooks, endpoint: Row) -> float:
    """For how many seconds it is left alone; 0 if it is not."""
    row = hooks.line.one(
        "select coalesce(extract(epoch from paused_until - clock_timestamp()), 0)::float as seconds"
        " from public.webhook_endpoints where id = %s",
        endpoint["endpoint_id"],
    )
    return max(0.0, float(row["seconds"]))


def reasons(hooks: Hooks) -> list[tuple[str, str]]:
    return [(row["kind"], row["detail"]["reason"]) for row in hooks.line.alarms()]


def has_due_work(hooks: Hooks) -> bool:
    return bool(hooks.line.one("select private.has_due_work('webhooks') as it")["it"])


def test_down_for_an_hour_it_gets_everything_in_order_afterwards(hooks: Hooks) -> None:
    endpoint = hooks.create()
    orders = hooks.line.place_many(6)
    probes = 0
    for _ in range(60):
        probes += len(hooks.fail())
        if not probes % 3:
            hooks.line.step()
        hooks.let_pass("1 minute", endpoint)
    hooks.line.drain()
    hooks.line.send_mails()
    assert 8 <= probes <= 25
    hooks.let_pass("16 minutes", endpoint)
    sent = hooks.deliver()
    for order in orders:
        own = [one for one in sent if order["id"].hex in one]
        assert own == [message_id(order, version) for version in (1, 2, 3, 4)]
    assert len(sent) == 24
    assert set(hooks.statuses(endpoint)) == {"delivered"}


def test_after_five_failures_it_is_left_alone_for_longer_and_longer(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(30)
    pauses: list[float] = []
    for _ in range(14):
        assert len(hooks.fail()) == (1 if pauses else 4)
        pauses.append(paused(hooks, endpoint))
        if pauses[-1]:
            assert hooks.claim() == []
        hooks.let_pass(f"{pauses[-1] + 1} seconds", endpoint)
    assert pauses[0] == 0
    assert 8 - 3 < pauses[1] <= 12
    assert 600 < pauses[-1] <= 900
    assert pauses[1] < pauses[4] < pauses[-1]


def test_while_it_fails_it_has_one_delivery_on_trial(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(10)
    assert len(hooks.fail()) == 4
    [trial] = hooks.claim()
    assert hooks.claim() == []
    hooks.finish(delivered(trial))
    assert len(hooks.claim()) == 4
    assert hooks.endpoint(endpoint)["failing_since"] is None


def test_a_slow_endpoint_keeps_no_place_of_others(hooks: Hooks) -> None:
    slow, quick = hooks.create(), hooks.create()
    hooks.line.place_many(30)
    jobs = hooks.claim(8)
    assert [job["endpoint_id"] for job in jobs].count(str(slow["endpoint_id"])) == 4
    for _ in range(7):
        hooks.finish(
            *[delivered(job) for job in jobs if job["endpoint_id"] == str(quick["endpoint_id"])]
        )
        jobs = hooks.claim()
        assert {job["endpoint_id"] for job in jobs} == {str(quick["endpoint_id"])}


def test_an_endpoint_that_refuses_what_it_gets_is_not_down(hooks: Hooks) -> None:
    """It answers, as a server should: each delivery has its own pauses, and the others go on."""
    endpoint = hooks.create()
    hooks.line.place_many(12)
    for _ in range(3):
        assert len(hooks.fail(answered(422))) == 4
    assert (hooks.endpoint(endpoint)["failures"], paused(hooks, endpoint)) == (0, 0)


def test_a_delivery_that_always_fails_is_not_hurried_by_those_that_succeed(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    [poison] = hooks.fail(answered(500))
    hooks.let_pass("6 seconds", endpoint)
    hooks.fail(answered(500))
    hooks.line.place_many(2)
    hooks.deliver()
    [row] = [row for row in hooks.deliveries(endpoint) if row["id"] == poison["message_id"]]
    assert (row["status"], row["failures"]) == ("pending", 2)
    assert row["due"] > 200


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [
        (429, 120, 110, 120),
        (429, None, 50, 60),
        (429, 10**6, 3000, 3600),
        (503, 120, 110, 120),
        (503, None, 0, 0),
        (500, 120, 0, 0),
    ],
)
def test_it_is_left_alone_as_long_as_it_asks_for(
    hooks: Hooks, status: int, asked: int | None, least: float, most: float
) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(2)
    [job, other] = hooks.claim()
    hooks.finish(job | answered(status, retry_after=asked))
    assert least <= paused(hooks, endpoint) <= most
    hooks.finish(delivered(other))
    assert least <= paused(hooks, endpoint) <= most
    assert hooks.deliveries(endpoint)[0]["due"] >= least
    hooks.line.place()
    assert bool(hooks.claim()) == (most == 0)


def test_gone_disables_it_until_the_staff_enable_it(hooks: Hooks) -> None:
    endpoint = hooks.create()
    order = hooks.line.paid()
    hooks.fail(answered(410))
    row = hooks.endpoint(endpoint)
    assert (row["active"], row["disabled_reason"]) == (False, "gone")
    assert reasons(hooks) == [("webhook", "gone")]
    hooks.let_pass("10 days", endpoint)
    missed = hooks.line.place()
    assert hooks.claim() == []
    assert hooks.statuses(endpoint) == ["pending"] * 2
    hooks.verb("enable_webhook_endpoint", endpoint)
    assert hooks.deliver() == [message_id(order, 1), message_id(order, 2)]
    assert reasons(hooks) == []
    assert hooks.deliveries(endpoint, missed) == []


def test_five_days_of_nothing_but_failures_disable_it(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(20)
    for time in range(6):
        assert hooks.endpoint(endpoint)["active"], time
        hooks.fail()
        hooks.let_pass("22 hours", endpoint)
    hooks.fail()
    assert hooks.endpoint(endpoint)["disabled_reason"] == "failing"
    assert ("webhook", "failing") in reasons(hooks)
    assert hooks.claim() == []
    hooks.verb("enable_webhook_endpoint", endpoint)
    hooks.fail()
    assert hooks.endpoint(endpoint)["active"]


def test_two_failures_with_quiet_days_between_them_do_not_disable_it(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    hooks.fail(answered(400))
    hooks.let_pass("6 days", endpoint)
    hooks.fail()
    assert hooks.endpoint(endpoint)["active"]


def test_a_success_in_between_begins_the_five_days_anew(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(20)
    for _ in range(3):
        hooks.fail()
        hooks.let_pass("2 days", endpoint)
        [job] = hooks.claim()
        hooks.finish(delivered(job))
    assert hooks.endpoint(endpoint)["active"]


def test_the_sweeper_sees_what_is_due_though_no_message_says_so(hooks: Hooks) -> None:
    endpoint = hooks.create()
    assert not has_due_work(hooks)
    hooks.line.place()
    [job] = hooks.claim()
    assert not has_due_work(hooks)
    hooks.let_pass("61 seconds", endpoint)
    assert has_due_work(hooks)  # its worker has died
    hooks.finish(job | NO_ANSWER)
    assert not has_due_work(hooks)
    hooks.let_pass("6 seconds", endpoint)
    assert has_due_work(hooks)
    hooks.finish(*[job | answered(429) for job in hooks.claim()])
    hooks.let_pass("50 seconds", endpoint)
    assert not has_due_work(hooks)


def test_the_sweeper_wakes_the_function_for_it(hooks: Hooks) -> None:
    hooks.create()
    hooks.line.place()
    hooks.line.rows("select private.route_events()")
    hooks.line.rows("select private.expand_messages(0)")
    hooks.line.rows("select private.set_secret('functions_url', 'http://127.0.0.1:1')")
    hooks.line.rows("select private.set_secret('webhook_secret', 'whsec_test')")
    try:
        hooks.line.rows("delete from net.http_request_queue")
        hooks.line.rows("select private.sweep()")
        woken = hooks.line.rows("delete from net.http_request_queue returning url")
        assert "http://127.0.0.1:1/webhooks/wake" in {row["url"] for row in woken}
    finally:
        hooks.line.rows(
            "delete from vault.secrets where name in ('functions_url', 'webhook_secret')"
        )


def test_a_claim_passes_over_what_somebody_holds(hooks: Hooks, database: Settings) -> None:
    endpoint = hooks.create()
    orders = hooks.line.place_many(3)
    hooks.line.rows("select private.route_events()")
    hooks.line.rows("select private.expand_messages(0)")
    first, *_ = hooks.deliveries(endpoint)
    claims = hooks.line.staff.claims
    with connected(database.database_url(), "authenticated", claims) as staff, staff.transaction():
        staff.execute("select public.discard_webhook(%s)", (first["id"],))
        hooks.line.functions.execute("set lock_timeout = '1s'")
        try:
            jobs = hooks.claim()
        finally:
            hooks.line.functions.execute("reset lock_timeout")
    assert [job["webhook_id"] for job in jobs] == [message_id(order, 1) for order in orders[1:]]


def test_who_waits_for_an_endpoint_holds_no_delivery(hooks: Hooks, database: Settings) -> None:
    """Endpoints before deliveries: the staff, who have the one, may want the other."""
    endpoint = hooks.create()
    hooks.line.place()
    [job] = hooks.claim()
    free = "select 1 from public.webhook_deliveries where id = %s for update skip locked"
    with (
        ThreadPoolExecutor(1) as pool,
        hooks.line.another_worker() as worker,
        connected(database.database_url(), "authenticated", hooks.line.staff.claims) as staff,
    ):
        with staff.transaction():
            staff.execute(_DISABLE, (endpoint["endpoint_id"],))
            late = pool.submit(worker.call, "finish_webhooks", [job | NO_ANSWER])
            wait_until_blocked(hooks.line.owner, worker.functions.info.backend_pid)
            assert hooks.line.rows(free, job["message_id"])
        assert [row["status"] for row in late.result()] == ["retried"]


def test_a_lost_delivery_whose_endpoint_somebody_holds_is_left_to_the_next_claim(
    hooks: Hooks, database: Settings
) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    hooks.claim()
    hooks.let_pass("61 seconds", endpoint)
    claims = hooks.line.staff.claims
    with connected(database.database_url(), "authenticated", claims) as staff, staff.transaction():
        staff.execute(_DISABLE, (endpoint["endpoint_id"],))
        assert hooks.claim() == []
        assert hooks.statuses(endpoint) == ["delivering"]
    assert hooks.claim() == []
    assert hooks.statuses(endpoint) == ["pending"]


def test_what_is_old_is_forgotten_and_what_still_waits_is_not(hooks: Hooks) -> None:
    endpoint, gone = hooks.create(), hooks.create()
    hooks.line.place()
    job, other = hooks.claim()
    hooks.finish(delivered(job), other | NO_ANSWER)
    hooks.verb("delete_webhook_endpoint", gone)
    fresh = hooks.create()
    hooks.line.place()
    hooks.deliver()
    for one in (endpoint, gone):
        hooks.let_pass("31 days", one)
    hooks.line.rows(
        "alter table public.webhook_endpoints disable trigger touch;"
        "update public.webhook_endpoints set updated_at = updated_at - interval '31 days'"
        " where disabled_reason = 'deleted';"
        "alter table public.webhook_endpoints enable trigger touch"
    )
    hooks.line.rows("select private.forget_webhook_deliveries()")
    assert hooks.statuses(fresh) == ["delivered"]
    assert hooks.statuses(endpoint) == []
    query = "select 1 from public.webhook_endpoints where id = %s"
    assert hooks.line.rows(query, gone["endpoint_id"]) == []
