"""The custom access token hook: a Postgres function that may change every token's claims."""

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from local_stack.auth.hooks import Hook
from local_stack.config import Auth, AuthHook, AuthHooks
from local_stack.errors import StackError
from local_stack.settings import Settings
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth

FAILED = (500, "unexpected_failure")


def _hooked(uri: str) -> Auth:
    hook = AuthHooks(custom_access_token=AuthHook(enabled=True, uri=uri))
    return Auth(rate_limit=NEVER_REACHED, hook=hook)


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with a hook; each test says what it does."""
    config = _hooked("pg-functions://postgres/public/custom_access_token_hook")
    async with serve_auth(bare_settings, config) as server:
        yield server


async def _define(auth: AuthServer, body: str) -> None:
    await auth.sql(
        "create or replace function public.custom_access_token_hook(event jsonb) returns jsonb"
        f" language plpgsql as $$ begin {body} end $$"
    )


def _claims(session: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        session["access_token"], options={"verify_signature": False}
    )
    return claims


async def test_it_adds_a_claim_to_every_token(auth: AuthServer) -> None:
    await _define(
        auth,
        "return jsonb_build_object('claims', event -> 'claims' || jsonb_build_object("
        "'tier', 'gold', 'how', event -> 'authentication_method', 'who', event -> 'user_id'));",
    )
    session = await auth.sign_up()
    claims = _claims(session)
    assert (claims["tier"], claims["how"]) == ("gold", "password")
    assert claims["who"] == claims["sub"] == session["user"]["id"]
    refreshed = (await auth.refresh(session["refresh_token"])).body
    assert _claims(refreshed)["how"] == "token_refresh"
    assert (await auth.call("GET", "/user", token=refreshed["access_token"])).status == 200


async def test_it_refuses_with_its_own_words(auth: AuthServer) -> None:
    await _define(
        auth,
        """return '{"error": {"http_code": 403, "message": "Not on Sundays"}}'::jsonb;""",
    )
    email = new_email()
    reply = await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
    assert (reply.status, reply.body["msg"]) == (403, "Not on Sundays")
    assert await auth.sql("select from auth.users where email = %s", email) == []
    await _define(auth, """return '{"error": {"message": "No", "http_code": 7}}'::jsonb;""")
    reply = await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
    assert (reply.status, reply.body["msg"]) == (500, "No")


async def test_a_hook_that_fails_lets_nobody_in(auth: AuthServer) -> None:
    for body in (
        "raise 'secret detail';",
        "return null;",
        "return '[]'::jsonb;",
        "return '{}'::jsonb;",
        "return jsonb_build_object('claims', event -> 'claims' - 'role');",
        "return jsonb_build_object('claims', event -> 'claims' || '{\"exp\": \"never\"}');",
        "perform pg_sleep(3); return event;",
    ):
        await _define(auth, body)
        email = new_email()
        reply = await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
        assert (body, reply.refusal) == (body, FAILED)
        assert "secret detail" not in str(reply.body)
        assert await auth.sql("select from auth.users where email = %s", email) == []


async def test_a_missing_function_lets_nobody_in(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings, _hooked("pg-functions://postgres/public/nowhere")) as auth:
        reply = await auth.call("POST", "/signup", {"email": new_email(), "password": PASSWORD})
        assert reply.refusal == FAILED


def test_only_functions_of_this_database_can_be_hooks() -> None:
    for uri in (
        "",
        "https://example.com/hook",
        "pg-functions://other/a/b",
        "pg-functions://postgres/a",
    ):
        with pytest.raises(StackError, match="custom_access_token"):
            Hook.of(AuthHook(enabled=True, uri=uri))
    assert Hook.of(AuthHook(enabled=False, uri="nonsense")) is None
