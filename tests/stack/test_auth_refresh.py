"""Refresh tokens: rotation, lost replies, tabs that race, and thieves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import psycopg
import pytest

from local_stack.config import Auth
from local_stack.postgres.cluster import SUPERUSER
from local_stack.settings import Settings
from tests.stack.auth_server import NEVER_REACHED, AuthServer, serve_auth

USED = (400, "refresh_token_already_used")
_WAITING = """
    select count(*) from pg_stat_activity
    where usename = 'supabase_auth_admin' and wait_event_type = 'Lock'
"""


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with a reuse interval of ten seconds."""
    async with serve_auth(bare_settings) as server:
        yield server


async def _rotate(auth: AuthServer, token: str) -> str:
    reply = await auth.refresh(token)
    assert reply.status == 200, reply
    successor: str = reply.body["refresh_token"]
    return successor


async def _let_time_pass(auth: AuthServer, session: dict[str, Any]) -> None:
    """As if all of the user's tokens had been used eleven seconds earlier."""
    await auth.sql(
        "update auth.refresh_tokens set updated_at = updated_at - interval '11 seconds'"
        " where user_id = %s",
        session["user"]["id"],
    )


async def test_the_official_client_rotates_and_keeps_its_session(auth: AuthServer) -> None:
    client = await auth.client()
    before = await client.auth.sign_in_anonymously()
    assert before.session is not None
    after = await client.auth.refresh_session()
    assert after.session is not None
    assert after.session.refresh_token != before.session.refresh_token
    claims = [
        jwt.decode(session.access_token, options={"verify_signature": False})
        for session in (before.session, after.session)
    ]
    assert claims[0]["session_id"] == claims[1]["session_id"]
    assert claims[0]["amr"] == claims[1]["amr"]
    assert await client.auth.get_user() is not None


async def test_a_lost_reply_is_forgiven_however_late(auth: AuthServer) -> None:
    session = await auth.sign_up()
    first = session["refresh_token"]
    second = await _rotate(auth, first)
    await _let_time_pass(auth, session)
    assert await _rotate(auth, first) == second
    assert await _rotate(auth, second) not in {first, second}


async def test_twenty_tabs_at_once_end_on_one_token(auth: AuthServer) -> None:
    session = await auth.sign_up()
    async with _row_locked(auth, session) as until_waiting:
        tabs = [asyncio.create_task(auth.refresh(session["refresh_token"])) for _ in range(20)]
        await until_waiting(8)
    replies = await asyncio.gather(*tabs)
    assert [reply.status for reply in replies] == [200] * 20
    assert len({reply.body["refresh_token"] for reply in replies}) == 1
    rows = await auth.sql(
        "select revoked from auth.refresh_tokens where user_id = %s order by id",
        session["user"]["id"],
    )
    assert [row["revoked"] for row in rows] == [True, False]


async def test_an_older_token_is_good_within_the_interval(auth: AuthServer) -> None:
    session = await auth.sign_up()
    first = session["refresh_token"]
    third = await _rotate(auth, await _rotate(auth, first))
    fourth = await _rotate(auth, first)
    assert fourth != third
    await _rotate(auth, fourth)


async def test_a_thief_and_the_owner_are_both_signed_out(auth: AuthServer) -> None:
    session = await auth.sign_up()
    stolen = session["refresh_token"]
    owners = await _rotate(auth, await _rotate(auth, stolen))
    await _let_time_pass(auth, session)
    assert (await auth.refresh(stolen)).refusal == USED
    assert (await auth.refresh(owners)).refusal == USED
    assert (await auth.refresh(stolen)).refusal == USED


async def test_using_a_token_again_does_not_stretch_its_interval(auth: AuthServer) -> None:
    session = await auth.sign_up()
    first = session["refresh_token"]
    await _rotate(auth, await _rotate(auth, first))
    await auth.sql(
        "update auth.refresh_tokens set updated_at = now() - interval '5 seconds' where token = %s",
        first,
    )
    await _rotate(auth, await _rotate(auth, first))
    rows = await auth.sql(
        "select updated_at < now() - interval '4 seconds' as old"
        " from auth.refresh_tokens where token = %s",
        first,
    )
    assert rows == [{"old": True}]


async def test_without_rotation_the_family_lives_on(bare_settings: Settings) -> None:
    config = Auth(
        enable_refresh_token_rotation=False,
        refresh_token_reuse_interval=0,
        rate_limit=NEVER_REACHED,
    )
    async with serve_auth(bare_settings, config) as auth:
        session = await auth.sign_up()
        first = session["refresh_token"]
        third = await _rotate(auth, await _rotate(auth, first))
        assert (await auth.refresh(first)).refusal == USED
        await _rotate(auth, third)


async def test_one_session_ends_and_another_goes_on(auth: AuthServer) -> None:
    one = await auth.sign_up()
    other = await auth.sign_up()
    await auth.call("POST", "/logout?scope=local", token=one["access_token"])
    gone = await auth.refresh(one["refresh_token"])
    assert gone.refusal == (400, "refresh_token_not_found")
    await _rotate(auth, other["refresh_token"])


async def test_banned_and_expired_sessions_are_not_continued(auth: AuthServer) -> None:
    banned = await auth.sign_up()
    await auth.admin("PUT", f"/{banned['user']['id']}", {"ban_duration": "1h"})
    assert (await auth.refresh(banned["refresh_token"])).refusal == (400, "user_banned")
    expired = await auth.sign_up()
    await auth.sql(
        "update auth.sessions set not_after = now() - interval '1 s' where user_id = %s",
        expired["user"]["id"],
    )
    assert (await auth.refresh(expired["refresh_token"])).refusal == (400, "session_expired")


async def test_refreshing_and_ending_sessions_at_once_do_not_lock_each_other(
    auth: AuthServer,
) -> None:
    session = await auth.sign_up()
    path = f"/{session['user']['id']}"
    async with _row_locked(auth, session) as until_waiting:
        change = asyncio.create_task(auth.admin("PUT", path, {"password": "another password"}))
        await until_waiting(1)
        refresh = asyncio.create_task(auth.refresh(session["refresh_token"]))
        await until_waiting(2)
    assert (await change).status == 200
    assert (await refresh).refusal == (400, "refresh_token_not_found")


@asynccontextmanager
async def _row_locked(
    auth: AuthServer, session: dict[str, Any]
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Hold the user's row, so that requests pile up; the function waits for so many of them."""

    async def until_waiting(count: int) -> None:
        async with asyncio.timeout(10):
            while (await auth.sql(_WAITING))[0]["count"] < count:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)

    url = auth.settings.database_url(SUPERUSER)
    async with await psycopg.AsyncConnection.connect(url) as conn:
        key = (session["user"]["id"],)
        await conn.execute("select from auth.users where id = %s for update", key)
        yield until_waiting
