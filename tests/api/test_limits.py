"""Floods: whoever asks too often waits, and nobody else does."""

import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from fastapi import Request
from redis.asyncio import Redis

from functions.api.client_address import Proxies
from functions.api.rate_limits import OwnBacklogs, RateLimits
from functions.api.shared_backlogs import SharedBacklogs
from functions.kit.problems import Problem
from tests.api.calling import UNKNOWN, Person
from tests.api.conftest import NewPerson, serve, settings_of
from tests.api.redis_server import redis_server
from tests.conftest import Stack

LOOPBACK = "127.0.0.0/8, ::1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def few(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """An API that takes five requests a minute of each user, and three of each address."""
    settings = settings_of(
        stack, requests_per_minute=5, anonymous_requests_per_minute=3, trusted_proxies=""
    )
    async with serve(settings) as client:
        yield client


async def test_a_flood_of_one_user_is_held_back(
    few: aiohttp.ClientSession, new_person: NewPerson
) -> None:
    me, other = Person(few, (await new_person()).token), Person(few, (await new_person()).token)
    left = [(await me.get("/me")).headers["RateLimit-Remaining"] for _ in range(5)]
    assert left == ["4", "3", "2", "1", "0"]
    refused = await me.get("/me")
    assert refused.refusal == (429, "too_many_requests")
    assert refused.headers["RateLimit-Limit"] == "5"
    assert 0 < int(refused.headers["Retry-After"]) <= 12
    order = {"paymentMethod": "pm_card_visa"}
    assert (await me.post("/orders", order)).refusal == (429, "too_many_requests")
    assert (await other.get("/me")).status == 200


async def test_a_flood_without_or_with_bad_tokens_is_held_back(
    few: aiohttp.ClientSession, shopper: Person
) -> None:
    for _ in range(2):
        assert (await Person(few).get("/products")).status == 200
    assert (await Person(few, "a.b.c").get("/me")).refusal == (401, "invalid_token")
    for token in (None, "a.b.c", "d.e.f"):
        assert (await Person(few, token).get("/me")).refusal == (429, "too_many_requests")
    assert (await Person(few, shopper.token).get("/me")).status == 200


async def test_making_up_addresses_helps_nobody(few: aiohttp.ClientSession) -> None:
    spoofed = [
        {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
        for number in range(6)
    ]
    replies = [await Person(few).get("/products", headers=headers) for headers in spoofed]
    assert [reply.status for reply in replies] == [200] * 3 + [429] * 3


async def test_behind_a_proxy_only_what_the_proxy_wrote_counts(stack: Stack) -> None:
    settings = settings_of(stack, anonymous_requests_per_minute=3, trusted_proxies=LOOPBACK)
    async with serve(settings) as client:
        for number in range(6):
            spoofed = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}
            reply = await Person(client).get("/products", headers=spoofed)
            assert reply.status == (200 if number < 3 else 429)
        honest = {"X-Forwarded-For": "203.0.113.8"}
        assert (await Person(client).get("/products", headers=honest)).status == 200


async def test_health_and_the_document_are_never_held_back(few: aiohttp.ClientSession) -> None:
    for _ in range(10):
        for path in ("/health", "/openapi.json"):
            async with few.get(path) as answer:
                assert answer.status == 200


ADDRESSES = {
    "no proxy": ("203.0.113.1", "10.0.0.1", "203.0.113.1"),
    "a stranger's word": ("203.0.113.1", "1.1.1.1, 2.2.2.2", "203.0.113.1"),
    "one proxy": ("10.0.0.1", "203.0.113.1", "203.0.113.1"),
    "two proxies": ("10.0.0.1", "203.0.113.1, 10.0.0.2", "203.0.113.1"),
    "made up before": ("10.0.0.1", "6.6.6.6, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
    "made up as a proxy": ("10.0.0.1", "10.6.6.6, 203.0.113.1", "203.0.113.1"),
    "all proxies": ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    "nothing said": ("10.0.0.1", "", "10.0.0.1"),
    "nonsense": ("10.0.0.1", "203.0.113.1, unknown", "10.0.0.1"),
    "mapped": ("::ffff:10.0.0.1", "::ffff:203.0.113.1", "203.0.113.1"),
    "a load balancer's function": ("6.6.6.6, 203.0.113.1", "6.6.6.6, 203.0.113.1", "203.0.113.1"),
    "the same, behind a proxy": ("203.0.113.1, 10.0.0.2", "203.0.113.1, 10.0.0.2", "203.0.113.1"),
    "a household": ("10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    "the loopback": ("::1", "", "::/64"),
}


@pytest.mark.parametrize(("peer", "forwarded", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_is_the_nearest_that_is_no_proxy(
    stack: Stack, peer: str, forwarded: str, expected: str
) -> None:
    proxies = Proxies(settings_of(stack, trusted_proxies="10.0.0.0/8").trusted_proxies)
    header = [(b"x-forwarded-for", forwarded.encode())]
    request = Request({"type": "http", "client": (peer, 1), "headers": header})
    assert proxies.client_of(request) == expected


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_patience_is_rewarded(stack: Stack, clock: Clock) -> None:
    limits = RateLimits(settings_of(stack, requests_per_minute=6), OwnBacklogs(clock), None)
    for _ in range(6):
        await limits.take("me", is_known=True)
    with pytest.raises(Problem) as refused:
        await limits.take("me", is_known=True)
    clock.now += int(refused.value.headers["Retry-After"])
    await limits.take("me", is_known=True)
    clock.now += 60
    allowance = await limits.take("me", is_known=True)
    assert allowance.headers()["RateLimit-Remaining"] == "5"


async def test_a_user_and_an_address_of_the_same_name_do_not_meet(
    stack: Stack, clock: Clock
) -> None:
    settings = settings_of(stack, requests_per_minute=1, anonymous_requests_per_minute=1)
    limits = RateLimits(settings, OwnBacklogs(clock), None)
    await limits.take(UNKNOWN, is_known=True)
    await limits.take(UNKNOWN, is_known=False)


async def test_so_many_addresses_do_not_fill_the_memory(clock: Clock) -> None:
    backlogs = OwnBacklogs(clock)
    for number in range(100_100):
        await backlogs.add(str(number), 1, 60)
    assert len(backlogs._ends) == 100_000


@pytest.fixture
def patience_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no outage."""
    monkeypatch.setattr("functions.api.redis._PATIENCE_SECONDS", 60)


@pytest.mark.usefixtures("patience_with_redis")
async def test_processes_count_together_where_they_share_a_redis(
    stack: Stack, new_person: NewPerson, tmp_path: Path
) -> None:
    token = (await new_person()).token
    async with redis_server(tmp_path) as redis:
        settings = settings_of(stack, requests_per_minute=4, redis_url=redis.url)
        async with serve(settings) as one, serve(settings) as another:
            for client in (one, another, one, another):
                assert (await Person(client, token).get("/me")).status == 200
            for client in (one, another):
                refused = await Person(client, token).get("/me")
                assert refused.refusal == (429, "too_many_requests")


@pytest.mark.usefixtures("patience_with_redis")
async def test_without_redis_each_counts_alone_and_nobody_waits(
    stack: Stack, new_person: NewPerson, tmp_path: Path
) -> None:
    token = (await new_person()).token
    async with redis_server(tmp_path) as redis:
        settings = settings_of(stack, requests_per_minute=4, redis_url=redis.url)
        async with serve(settings) as client:
            person = Person(client, token)
            assert (await person.get("/me")).status == 200
            await redis.stop()
            statuses = [(await person.get("/me")).status for _ in range(5)]
            assert statuses == [200] * 4 + [429]


async def test_redis_counts_as_a_process_does(tmp_path: Path) -> None:
    own = OwnBacklogs(time.monotonic)
    async with redis_server(tmp_path) as server, Redis.from_url(server.url) as redis:
        shared, key = SharedBacklogs(redis), uuid.uuid4().hex
        for _ in range(7):
            (here, mine), (there, theirs) = (
                await own.add(key, 10, 50),
                await shared.add(key, 10, 50),
            )
            assert here == there
            assert abs(mine - theirs) < 5
        assert 0 < await redis.pttl(f"orderbase:rate:{key}") <= 51_000


class Ill:
    """Backlogs that fail, and how often they were asked."""

    asked = 0

    async def add(self, *_: object, **__: object) -> tuple[bool, float]:
        self.asked += 1
        raise TimeoutError


async def test_what_is_shared_is_left_alone_for_a_second_after_it_failed(
    stack: Stack, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ill = Ill()
    limits = RateLimits(settings_of(stack), OwnBacklogs(clock), ill, clock)
    for _ in range(10):
        await limits.take("me", is_known=True)
    assert ill.asked == 1
    clock.now += 2
    for _ in range(10):
        await limits.take("me", is_known=True)
    assert ill.asked == 2
    assert [one for one in caplog.messages if "counted" in one] == [
        "requests are counted by this process alone"
    ]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"{}", "text/plain", 415)],
)
async def test_what_is_no_json_counts_too(
    few: aiohttp.ClientSession, new_person: NewPerson, body: bytes, kind: str, status: int
) -> None:
    me = Person(few, (await new_person()).token)
    headers = {"Content-Type": kind}
    replies = [await me.ask("PATCH", "/me", data=body, headers=headers) for _ in range(6)]
    assert [reply.status for reply in replies] == [status] * 5 + [429]
