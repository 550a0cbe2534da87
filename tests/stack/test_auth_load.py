"""Under load: limits per address, and an event loop that bcrypt never blocks."""

import asyncio
import threading
from collections.abc import Callable

import bcrypt
import pytest

from local_stack.auth.limits import RateLimit
from local_stack.config import Auth, AuthRateLimit
from local_stack.settings import Settings
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, new_email, serve_auth

LIMITED = (429, "over_request_rate_limit")


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _allowed(limit: RateLimit, key: str, times: int) -> int:
    return sum(limit.allow(key) for _ in range(times))


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    limit = RateLimit(30, 300, clock)
    assert _allowed(limit, "a", 40) == 30
    assert _allowed(limit, "b", 1) == 1
    clock.seconds += 9.9
    assert _allowed(limit, "a", 1) == 0
    clock.seconds += 20.2
    assert _allowed(limit, "a", 5) == 3
    clock.seconds += 10**6
    assert _allowed(limit, "a", 40) == 30


def test_ever_new_addresses_do_not_fill_the_memory() -> None:
    limit = RateLimit(1, 300, Clock())
    for number in range(12_000):
        assert limit.allow(str(number))
    assert len(limit._buckets) == 10_000
    assert not limit.allow("11999")


async def test_each_limit_of_the_config_is_kept(bare_settings: Settings) -> None:
    limits = AuthRateLimit(
        sign_in_sign_ups=2, anonymous_users=1, token_refresh=1, token_verifications=1
    )
    config = Auth(enable_anonymous_sign_ins=True, rate_limit=limits)
    async with serve_auth(bare_settings, config) as auth:
        credentials = {"email": new_email(), "password": PASSWORD}
        session = (await auth.call("POST", "/signup", credentials)).body
        sign_in = "/token?grant_type=password"
        assert (await auth.call("POST", sign_in, credentials)).status == 200
        spoofed = {"X-Forwarded-For": "203.0.113.9"}
        over = await auth.call("POST", sign_in, credentials, headers=spoofed)
        assert over.refusal == LIMITED
        assert (await auth.call("POST", "/signup", credentials)).refusal == LIMITED
        assert (await auth.call("POST", "/signup", {})).status == 200
        assert (await auth.call("POST", "/signup", {})).refusal == LIMITED
        assert (await auth.refresh(session["refresh_token"])).status == 200
        assert (await auth.refresh(session["refresh_token"])).refusal == LIMITED
        code = {"type": "signup", "token": "123456", "email": new_email()}
        assert (await auth.call("POST", "/verify", code)).status == 403
        assert (await auth.call("POST", "/verify", code)).refusal == LIMITED
        assert (await auth.call("GET", "/verify?type=signup&token=x")).refusal == LIMITED


async def test_others_are_served_while_passwords_are_compared(
    bare_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_auth(bare_settings, Auth(rate_limit=NEVER_REACHED)) as auth:
        credentials = {"email": new_email(), "password": PASSWORD}
        session = await auth.sign_up(credentials["email"])
        started, may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(bcrypt, "checkpw", _slow(bcrypt.checkpw, started, may_go_on))
        sign_ins = [
            asyncio.create_task(auth.call("POST", "/token?grant_type=password", credentials))
            for _ in range(20)
        ]
        try:
            assert await asyncio.to_thread(started.wait, 10)
            assert (await auth.call("GET", "/health")).body["name"] == "GoTrue"
            user = await auth.call("GET", "/user", token=session["access_token"])
            assert user.status == 200
            assert not any(task.done() for task in sign_ins)
        finally:
            may_go_on.set()
        replies = await asyncio.gather(*sign_ins)
        assert [reply.status for reply in replies] == [200] * 20


def _slow(
    compare: Callable[[bytes, bytes], bool], started: threading.Event, may_go_on: threading.Event
) -> Callable[[bytes, bytes], bool]:
    def wait_and_compare(password: bytes, hashed: bytes) -> bool:
        started.set()
        may_go_on.wait(10)
        return compare(password, hashed)

    return wait_and_compare


async def test_a_password_changed_meanwhile_does_not_sign_in(
    bare_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_auth(bare_settings, Auth(rate_limit=NEVER_REACHED)) as auth:
        credentials = {"email": new_email(), "password": PASSWORD}
        session = await auth.sign_up(credentials["email"])
        started, may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(bcrypt, "checkpw", _slow(bcrypt.checkpw, started, may_go_on))
        sign_in = asyncio.create_task(auth.call("POST", "/token?grant_type=password", credentials))
        try:
            assert await asyncio.to_thread(started.wait, 10)
            change = {"password": "another password"}
            assert (await auth.admin("PUT", f"/{session['user']['id']}", change)).status == 200
        finally:
            may_go_on.set()
        assert (await sign_in).refusal == (400, "invalid_credentials")
