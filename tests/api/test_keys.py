"""The keys of Auth: kept, renewed, and asked for no more often than is sensible."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from functions.api.keys import KeySet, KeysUnavailable
from functions.kit.http import Http
from tests.api.auth_double import Auth, Signer, running

OLD, NEW = Signer("old"), Signer("new")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def auth() -> AsyncIterator[Auth]:
    async with running(Auth(OLD)) as auth:
        yield auth


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(auth: Auth, clock: Clock) -> AsyncIterator[KeySet]:
    async with Http.connect() as http, aclosing(KeySet(http, auth.url, clock)) as keys:
        yield keys


async def renewal(keys: KeySet) -> None:
    """Wait for the one that is on its way."""
    await asyncio.gather(*keys._fetches._flights.values())


async def test_keys_are_fetched_once_by_all_who_wait(auth: Auth, keys: KeySet) -> None:
    found = await asyncio.gather(*(keys.find("old") for _ in range(50)))
    assert all(found)
    assert auth.asked == 1


async def test_a_new_key_is_fetched_when_it_is_first_seen(
    auth: Auth, keys: KeySet, clock: Clock
) -> None:
    await keys.find("old")
    auth.tell(NEW, OLD)
    clock.now += 11
    found = await asyncio.gather(*(keys.find("new") for _ in range(50)))
    assert all(found)
    assert auth.asked == 2
    assert await keys.find("old")
    assert auth.asked == 2


async def test_made_up_ids_do_not_make_us_ask_again_and_again(
    auth: Auth, keys: KeySet, clock: Clock
) -> None:
    for number in range(300):
        assert await keys.find(f"made up {number}") is None
        clock.now += 0.1
    assert auth.asked == 3
    assert await keys.find("old")


async def test_a_key_that_is_taken_back_is_forgotten(
    auth: Auth, keys: KeySet, clock: Clock
) -> None:
    assert await keys.find("old")
    auth.tell(NEW)
    clock.now += 601
    await keys.find("old")
    await renewal(keys)
    assert await keys.find("old") is None


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (500, {"keys": []}),
        (404, {"keys": []}),
        (302, {"keys": []}),
        (200, "<html>"),
        (200, ""),
        (200, "[" * 100_000),
        (200, []),
        (200, {}),
        (200, {"keys": None}),
        (200, {"keys": {"kid": "old"}}),
    ],
)
async def test_nonsense_changes_nothing_for_an_hour_and_then_nobody_is_believed(
    auth: Auth, keys: KeySet, clock: Clock, status: int, document: object
) -> None:
    assert await keys.find("old")
    auth.status, auth.document = status, document
    clock.now += 601
    assert await keys.find("old")
    await renewal(keys)
    assert auth.asked == 2
    clock.now += 3000
    with pytest.raises(KeysUnavailable):
        await keys.find("old")
    auth.status = 200
    auth.tell(OLD)
    clock.now += 2
    assert await keys.find("old")


async def test_without_any_key_yet_nobody_is_believed(auth: Auth, keys: KeySet) -> None:
    auth.status = 503
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await keys.find("old")
    assert auth.asked == 1


async def test_only_keys_that_sign_tokens_of_users_are_taken(auth: Auth, keys: KeySet) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "secret"}
    curve = {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "curve"}
    nameless = {name: value for name, value in NEW.jwk.items() if name != "kid"}
    nonsense: list[object] = [None, 7, "key", [], {}, {"kty": "EC"}, {"kid": 7}]
    auth.document = {"keys": [secret, curve, nameless, *nonsense, OLD.jwk]}
    assert await keys.find("old")
    for kid in ("secret", "curve", "", "None", "7"):
        assert await keys.find(kid) is None


async def test_for_a_key_that_is_still_good_nobody_waits(
    auth: Auth, keys: KeySet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.api.keys._SECONDS", 60)
    assert await keys.find("old")
    clock.now += 601
    auth.open.clear()
    async with asyncio.timeout(10):
        assert all(await asyncio.gather(*(keys.find("old") for _ in range(50))))
    auth.tell(NEW, OLD)
    auth.open.set()
    await renewal(keys)
    assert await keys.find("new")
    assert auth.asked == 2


async def test_while_keys_are_good_a_failing_auth_is_left_alone(
    auth: Auth, keys: KeySet, clock: Clock
) -> None:
    assert await keys.find("old")
    auth.status = 500
    clock.now += 601
    asked = []
    for _ in range(4):
        assert await keys.find("old")
        await renewal(keys)
        asked.append(auth.asked)
        clock.now += 4
    assert asked == [2, 2, 2, 3]
