"""Answers kept under their keys: claimed by one, kept for a while, and then forgotten."""

import uuid

import psycopg

from tests.database.conftest import Caller, Row


def claim(engine: Caller, caller: Caller, key: str, request: str = "a", lease: int = 60) -> Row:
    [row] = engine.call(
        "engine.claim_idempotency_key",
        caller=caller.id,
        key=key,
        request_hash=request,
        lease_seconds=lease,
    )
    told: Row = row["claim_idempotency_key"]
    return told


def settle(engine: Caller, caller: Caller, key: str, claimed: Row, answer: Row | None) -> None:
    engine.call(
        "engine.settle_idempotency_key",
        caller=caller.id,
        key=key,
        claim=claimed["claim"],
        answer=answer,
    )


def test_a_key_is_claimed_once_and_then_answers(engine: Caller, shopper: Caller) -> None:
    key = uuid.uuid4().hex
    first = claim(engine, shopper, key)
    assert first["state"] == "claimed"
    assert claim(engine, shopper, key)["state"] == "in_progress"
    assert claim(engine, shopper, key, "b")["state"] == "reused"
    settle(engine, shopper, key, first, {"body": {}})
    assert claim(engine, shopper, key) == {"state": "answered", "answer": {"body": {}}}
    assert claim(engine, shopper, key, "b")["state"] == "reused"


def test_when_its_time_is_over_an_answer_stays_and_another_request_gets_nothing(
    engine: Caller, shopper: Caller
) -> None:
    key, unanswered = uuid.uuid4().hex, uuid.uuid4().hex
    settle(engine, shopper, key, claim(engine, shopper, key, lease=0), {"body": {}})
    assert claim(engine, shopper, key)["state"] == "answered"
    claim(engine, shopper, unanswered, lease=0)
    assert claim(engine, shopper, unanswered, "b")["state"] == "reused"
    assert claim(engine, shopper, unanswered)["state"] == "claimed"


def test_a_key_that_was_given_up_is_free(engine: Caller, shopper: Caller) -> None:
    key = uuid.uuid4().hex
    settle(engine, shopper, key, claim(engine, shopper, key), None)
    assert claim(engine, shopper, key, "b")["state"] == "claimed"


def test_who_comes_too_late_settles_nothing(engine: Caller, shopper: Caller) -> None:
    key = uuid.uuid4().hex
    late = claim(engine, shopper, key, lease=0)
    heir = claim(engine, shopper, key)
    assert (heir["state"], heir["claim"] == late["claim"]) == ("claimed", False)
    settle(engine, shopper, key, late, {"body": "late"})
    assert claim(engine, shopper, key)["state"] == "in_progress"
    settle(engine, shopper, key, late, None)
    assert claim(engine, shopper, key)["state"] == "in_progress"
    settle(engine, shopper, key, heir, {"body": "heir"})
    assert claim(engine, shopper, key)["answer"] == {"body": "heir"}


def test_keys_are_forgotten_after_two_days(
    engine: Caller, shopper: Caller, owner: psycopg.Connection[Row]
) -> None:
    old, new = uuid.uuid4().hex, uuid.uuid4().hex
    for key in (old, new):
        settle(engine, shopper, key, claim(engine, shopper, key), {"body": {}})
    owner.execute(
        "update private.idempotency_keys set created_at = now() - interval '49 hours',"
        " claimed_until = now() - interval '48 hours' where key = %s",
        (old,),
    )
    row = owner.execute("select private.forget_idempotency_keys() as done").fetchone()
    assert row
    assert row["done"] == {"deleted": 1}
    assert claim(engine, shopper, old)["state"] == "claimed"
    assert claim(engine, shopper, new)["state"] == "answered"
    task = owner.execute(
        "select job from private.tasks where name = 'forget_idempotency_keys'"
    ).fetchall()
    assert task == [{"job": "daily"}]


def test_an_account_that_is_erased_takes_its_keys_along(
    engine: Caller,
    shopper: Caller,
    auth_admin: psycopg.Connection[Row],
    owner: psycopg.Connection[Row],
) -> None:
    key = uuid.uuid4().hex
    claim(engine, shopper, key)
    auth_admin.execute("delete from auth.users where id = %s", (shopper.id,))
    left = owner.execute("select 1 from private.idempotency_keys where key = %s", (key,))
    assert left.fetchall() == []
