"""What the shop's staff do with webhooks: register, rotate, send again, replay."""

import base64
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import connected, wait_until_blocked
from tests.webhooks.shop import Hooks, answered, delivered, message_id

EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def refusal(call: Callable[[], object]) -> tuple[object, object, object]:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.status, refused.value.code, refused.value.context


ACCEPTED = [
    "https://hooks.example.com",
    "https://hooks.example.com/",
    "https://hooks.example.com:8443/a/b?c=d&e=%20",
    "https://xn--bcher-kva.example/",
    "https://HOOKS.example.com/",
    "https://93.184.215.14/",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443/",
    "https://12.example.com/",
    "https://localhost.example.com/",
    "https://hooks.example.com./",
    f"https://{'a' * 63}.example.com/",
]

REFUSED = {
    "http://hooks.example.com/": "not_https",
    "ftp://hooks.example.com/": "malformed",
    "file:///etc/passwd": "malformed",
    "gopher://hooks.example.com/": "malformed",
    "javascript:alert(1)": "malformed",
    "//hooks.example.com/": "malformed",
    "hooks.example.com": "malformed",
    "https://": "malformed",
    "https:///path": "malformed",
    "": "malformed",
    "https://user@hooks.example.com/": "malformed",
    "https://user:password@hooks.example.com/": "malformed",
    "https://hooks.example.com@127.0.0.1/": "malformed",
    "https://hooks.example.com\\@127.0.0.1/": "malformed",
    "https://hooks.example.com/#fragment": "malformed",
    "https://hooks.example.com/a b": "malformed",
    "https://hooks.example.com/\r\nX: y": "malformed",
    "https://b\u00fccher.example/": "malformed",
    "https://\uff11\uff12\uff17.0.0.1/": "malformed",
    "https://%6c%6f%63alhost/": "malformed",
    "https://a..b.example.com/": "malformed",
    "https://.example.com/": "malformed",
    "https://hooks.example.com../": "malformed",
    f"https://{'a' * 64}.example.com/": "malformed",
    "https://hooks.example.com:0/": "port",
    "https://hooks.example.com:65536/": "port",
    "https://hooks.example.com:99999/": "port",
    "https://hooks.example.com:22/": "port",
    "https://hooks.example.com:25/": "port",
    "https://hooks.example.com:6379/": "port",
    "http://127.0.0.1/": "not_https",
    "https://127.0.0.1/": "private_address",
    "https://127.0.0.1.:8000/": "private_address",
    "https://127.1/": "private_address",
    "https://2130706433/": "private_address",
    "https://0x7f000001/": "private_address",
    "https://0x7f.0.0.1/": "private_address",
    "https://0177.0.0.1/": "private_address",
    "https://127.0.0.0x1/": "private_address",
    "https://0.0.0.0/": "private_address",
    "https://10.0.0.1/": "private_address",
    "https://172.16.0.1/": "private_address",
    "https://192.168.1.1/": "private_address",
    "https://100.64.0.1/": "private_address",
    "https://169.254.169.254/latest/meta-data": "private_address",
    "https://224.0.0.1/": "private_address",
    "https://255.255.255.255/": "private_address",
    "https://256.1.1.1/": "private_address",
    "https://[::1]/": "private_address",
    "https://[::]/": "private_address",
    "https://[::ffff:127.0.0.1]/": "private_address",
    "https://[::ffff:7f00:1]/": "private_address",
    "https://[::ffff:169.254.169.254]/": "private_address",
    "https://[64:ff9b::7f00:1]/": "private_address",
    "https://[2002:7f00:1::]/": "private_address",
    "https://[2002:101:101::]/": "private_address",
    "https://[2001:0:7f00:1::]/": "private_address",
    "https://[fe80::1]/": "private_address",
    "https://[fd00:ec2::254]/": "private_address",
    "https://[ff02::1]/": "private_address",
    "https://[1::2::3]/": "private_address",
    "https://localhost/": "private_address",
    "https://LOCALHOST./": "private_address",
    "https://a.localhost/": "private_address",
    "https://printer.local/": "private_address",
    "https://metadata.google.internal/": "private_address",
    "https://intranet/": "private_address",
    "https://hooks.example.com/" + "x" * 2000: "malformed",
}


@pytest.mark.parametrize("url", ACCEPTED)
def test_a_public_https_address_is_taken(hooks: Hooks, url: str) -> None:
    created = hooks.create(url=url)
    assert hooks.endpoint(created)["url"] == url


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: url[:50])
def test_any_other_address_is_refused(hooks: Hooks, url: str) -> None:
    status, code, context = refusal(lambda: hooks.create(url=url))
    assert (status, code, context) == (422, "invalid_webhook_url", {"reason": REFUSED[url]})


def test_an_address_is_not_changed_into_one_that_is_refused(hooks: Hooks) -> None:
    endpoint = hooks.create()
    changed = hooks.verb("update_webhook_endpoint", endpoint, url="https://other.example.com/")
    assert changed["url"] == "https://other.example.com/"
    bad = {"url": "https://127.0.0.1/"}
    assert refusal(lambda: hooks.verb("update_webhook_endpoint", endpoint, **bad))[0] == 422
    assert hooks.endpoint(endpoint)["url"] == "https://other.example.com/"


def test_loopback_is_for_development_alone(hooks: Hooks) -> None:
    hooks.line.rows("select private.set_secret('loopback_webhooks', 'allowed')")
    try:
        for url in ("http://127.0.0.1:8080/", "http://localhost:8080/", "http://[::1]:8080/"):
            assert hooks.create(url=url)
        for url in ("http://10.0.0.1/", "http://hooks.example.com/", "https://192.168.1.1/"):
            assert refusal(lambda: hooks.create(url=url))[0] == 422  # noqa: B023 - called at once
    finally:
        hooks.line.rows("delete from vault.secrets where name = 'loopback_webhooks'")


@pytest.mark.parametrize(
    "types", [("order.unheard_of",), ("order.paid", "webhook.test"), ("",), ("user.created",)]
)
def test_an_event_that_no_webhook_tells_of_is_refused(hooks: Hooks, types: tuple[str, ...]) -> None:
    status, code, context = refusal(lambda: hooks.create(*types))
    assert (status, code, context) == (
        422, "unknown_event_type", {"event_types": [types[-1]]},
    )  # fmt: skip
    with pytest.raises(psycopg.Error, match="which events"):
        hooks.line.staff.query(
            "select public.create_webhook_endpoint('https://hooks.example.com/', '{}')"
        )


def test_the_staff_see_which_events_there_are(hooks: Hooks) -> None:
    types = {
        row["webhook_event_types"] for row in hooks.line.staff.call("public.webhook_event_types")
    }
    assert {"order.placed", "order.paid", "order.completed", "order.resumed"} <= types
    assert "user.created" not in types
    for name in types:
        hooks.create(name)


def test_a_secret_is_shown_once_and_kept_in_the_vault(
    hooks: Hooks, database: Settings, new_user: Callable[..., Caller]
) -> None:
    endpoint = hooks.create()
    secret = endpoint["secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret not in str(hooks.endpoint(endpoint))
    assert hooks.line.rows("select 1 from vault.secrets where secret = %s", secret) == []
    hooks.line.place()
    [job] = hooks.claim()
    assert job["secrets"] == [secret]
    for caller in (new_user(), hooks.line.staff, Caller(database.database_url(), "anon", {})):
        for query in (
            "select * from private.webhook_secrets",
            "select * from vault.decrypted_secrets",
            "select engine.claim_webhooks()",
            "select private.webhook_secrets_of(gen_random_uuid())",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                caller.query(query)


def test_during_a_rotation_two_secrets_sign_and_never_three(hooks: Hooks) -> None:
    endpoint = hooks.create()
    secrets = [endpoint["secret"]]
    for _ in range(3):
        rotated = hooks.verb("rotate_webhook_secret", endpoint)
        secrets.insert(0, rotated["rotate_webhook_secret"])
        hooks.line.place()
        [job] = hooks.claim()
        assert job["secrets"] == secrets[:2]
        hooks.finish(delivered(job))
    hooks.let_pass("25 hours", endpoint)
    hooks.line.place()
    assert [job["secrets"] for job in hooks.claim()] == [secrets[:1]]
    hooks.line.rows("select private.forget_webhook_secrets()")
    query = "select id from private.webhook_secrets where endpoint_id = %s"
    [left] = hooks.line.rows(query, endpoint["endpoint_id"])
    assert [row["name"] for row in _kept(hooks)].count(f"webhook_secret_{left['id']}") == 1
    assert len(set(secrets)) == 4


def test_two_who_rotate_at_once_do_so_one_after_the_other(hooks: Hooks, database: Settings) -> None:
    endpoint = hooks.create()
    staff = hooks.line.staff
    rotate = "select public.rotate_webhook_secret(%s) as secret"
    with (
        ThreadPoolExecutor(1) as pool,
        connected(database.database_url(), staff.role, staff.claims) as first,
        connected(database.database_url(), staff.role, staff.claims) as second,
    ):
        with first.transaction():
            rotated = first.execute(rotate, (endpoint["endpoint_id"],)).fetchall()
            late = pool.submit(
                lambda: second.execute(rotate, (endpoint["endpoint_id"],)).fetchall()
            )
            wait_until_blocked(hooks.line.owner, second.info.backend_pid)
        rotated = late.result() + rotated
    hooks.line.place()
    [job] = hooks.claim()
    assert job["secrets"] == [row["secret"] for row in rotated]


def _kept(hooks: Hooks) -> list[Row]:
    return hooks.line.rows("select name from vault.secrets where name like 'webhook_secret_%%'")


def test_a_secret_that_leaked_ends_at_once(hooks: Hooks) -> None:
    endpoint = hooks.create()
    fresh = hooks.verb("rotate_webhook_secret", endpoint, overlap_hours=0)["rotate_webhook_secret"]
    hooks.line.place()
    assert [job["secrets"] for job in hooks.claim()] == [[fresh]]
    for hours in (-1, 169, None):
        wrong = {"overlap_hours": hours}
        assert refusal(lambda: hooks.verb("rotate_webhook_secret", endpoint, **wrong))[1] == (  # noqa: B023 - called at once
            "invalid_overlap"
        )


def test_one_delivery_is_sent_again_with_its_old_id_and_content(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    [job] = hooks.claim()
    again = {"delivery_id": job["message_id"]}
    hooks.line.staff.call("public.redeliver_webhook", **again)
    assert hooks.claim() == []  # it is on its way
    hooks.finish(delivered(job))
    for _ in range(2):
        hooks.line.staff.call("public.redeliver_webhook", **again)
    [second] = hooks.claim()
    assert (second["webhook_id"], second["body"]) == (job["webhook_id"], job["body"])
    hooks.finish(delivered(second))
    assert [row["number"] for row in hooks.attempts(endpoint)] == [1, 2]


def test_what_failed_in_a_time_range_is_sent_again(hooks: Hooks) -> None:
    endpoint = hooks.create()
    orders = hooks.line.place_many(3)
    first, second, third = hooks.claim()
    hooks.finish(delivered(first), second | answered(400), delivered(third))
    hooks.line.rows(
        "update public.webhook_deliveries set status = 'failed' where id = %s", second["message_id"]
    )
    now = datetime.now(UTC) + timedelta(minutes=1)
    sent = "redeliver_webhooks"
    assert hooks.verb(sent, endpoint, since=now)[sent] == 0
    assert hooks.verb(sent, endpoint, since=EARLY, until=EARLY)[sent] == 0
    assert hooks.verb(sent, endpoint, since=EARLY)[sent] == 1
    assert hooks.deliver() == [message_id(orders[1], 1)]
    assert hooks.verb(sent, endpoint, since=EARLY, only_failed=False)[sent] == 3
    assert len(hooks.deliver()) == 3


def test_a_delivery_that_is_discarded_lets_the_next_pass(hooks: Hooks) -> None:
    endpoint = hooks.create()
    order = hooks.line.paid()
    [job] = hooks.fail(answered(400))
    assert hooks.claim() == []
    hooks.line.staff.call("public.discard_webhook", delivery_id=job["message_id"])
    assert hooks.deliver() == [message_id(order, 2)]
    assert hooks.statuses(endpoint) == ["discarded", "delivered"]


def test_a_test_goes_to_this_endpoint_alone(hooks: Hooks) -> None:
    endpoint, other = hooks.create("order.paid"), hooks.create()
    for _ in range(2):
        hooks.verb("test_webhook_endpoint", endpoint)
    jobs = hooks.claim()
    assert [(job["type"], job["order_id"]) for job in jobs] == [("webhook.test", None)] * 2
    assert len({job["webhook_id"] for job in jobs}) == 2
    assert hooks.deliveries(other) == []


def test_a_replay_tells_of_all_events_after_a_position_with_their_own_ids(hooks: Hooks) -> None:
    before = hooks.line.staff.query("select public.order_feed_head() as head")[0]["head"]
    orders = [hooks.line.paid(), hooks.line.paid()]
    hooks.line.rows("select private.route_events()")
    assert hooks.claim() == []  # nobody was there to be told
    endpoint = hooks.create("order.placed", "order.paid")
    replayed = "replay_webhooks"
    assert hooks.verb(replayed, endpoint, after=before)[replayed] == 4
    sent = hooks.deliver()
    assert sorted(sent) == sorted(message_id(order, n) for order in orders for n in (1, 2))
    feed = hooks.line.staff.query("select * from public.order_feed(%s)", before)
    middle = next(row["position"] for row in feed if row["order_id"] == orders[1]["id"])
    bodies = {row["webhook_id"]: row["payload"] for row in hooks.deliveries(endpoint)}
    assert bodies[message_id(orders[1], 1)]["data"]["position"] == middle
    assert hooks.verb(replayed, endpoint, after=middle)[replayed] == 1
    assert hooks.deliver() == [message_id(orders[1], 2)]
    assert hooks.verb(replayed, endpoint, after=before, until=middle)[replayed] == 3
    assert len(hooks.deliver()) == 3
    assert {row["webhook_id"]: row["payload"] for row in hooks.deliveries(endpoint)} == bodies


@pytest.mark.parametrize("position", ["", "x", "1", "1-", "-1-1", "1-1; drop table x", None])
def test_what_is_no_position_is_refused(hooks: Hooks, position: str | None) -> None:
    endpoint = hooks.create()
    after = {"after": position}
    assert refusal(lambda: hooks.verb("replay_webhooks", endpoint, **after))[1] == (
        "invalid_position"
    )


def test_nothing_goes_to_an_endpoint_that_was_deleted(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place_many(2)
    [first, second] = hooks.claim(2)
    hooks.line.place()
    hooks.finish(delivered(first))
    hooks.line.rows("select private.route_events()")
    hooks.line.rows("select private.expand_messages(0)")
    secrets = len(_kept(hooks))
    hooks.verb("delete_webhook_endpoint", endpoint)
    hooks.finish(second | answered(500))
    hooks.line.place()
    assert hooks.claim() == []
    assert hooks.statuses(endpoint) == ["delivered", "discarded", "discarded"]
    assert len(_kept(hooks)) == secrets - 1
    for name in ("enable_webhook_endpoint", "test_webhook_endpoint", "delete_webhook_endpoint"):
        said = refusal(lambda: hooks.verb(name, endpoint))  # noqa: B023 - called at once
        assert said[:2] == (404, "webhook_endpoint_not_found")


def test_what_is_disabled_is_not_sent_to(hooks: Hooks) -> None:
    endpoint = hooks.create()
    hooks.line.place()
    hooks.deliver()
    hooks.verb("disable_webhook_endpoint", endpoint)
    calls: dict[str, Row] = {
        "test_webhook_endpoint": {},
        "replay_webhooks": {"after": "0-0"},
        "redeliver_webhooks": {"since": EARLY},
    }
    for name, more in calls.items():
        said = refusal(lambda: hooks.verb(name, endpoint, **more))  # noqa: B023 - called at once
        assert said == (409, "webhook_endpoint_disabled", {"reason": "staff"})


def test_what_does_not_exist_is_not_found(hooks: Hooks) -> None:
    staff = hooks.line.staff
    for name, arguments in (
        ("redeliver_webhook", {"delivery_id": 0}),
        ("discard_webhook", {"delivery_id": 0}),
        ("rotate_webhook_secret", {"endpoint_id": uuid.uuid4()}),
    ):
        assert refusal(lambda: staff.call(f"public.{name}", **arguments))[0] == 404  # noqa: B023 - called at once


def test_only_the_staff_see_who_is_told_and_what(
    hooks: Hooks, database: Settings, new_user: Callable[..., Caller]
) -> None:
    hooks.create()
    hooks.line.place()
    hooks.fail(answered(500))
    for table in ("webhook_endpoints", "webhook_deliveries", "webhook_attempts"):
        query = f"select * from public.{table}"
        assert hooks.line.staff.query(query)
        assert new_user().query(query) == hooks.line.shopper.query(query) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            Caller(database.database_url(), "anon", {"role": "anon"}).query(query)
