"""Signing up, in and out, and changing one's own account, through the official client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import bcrypt
import pytest
from supabase import AuthApiError, AuthWeakPasswordError

from local_stack.config import Auth, AuthEmail
from local_stack.errors import StackError
from local_stack.settings import Settings
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with open sign-up and no mails."""
    async with serve_auth(bare_settings) as server:
        yield server


async def test_a_new_user_is_signed_in_at_once(auth: AuthServer) -> None:
    email = new_email()
    client = await auth.client()
    signed_up = await client.auth.sign_up(
        {"email": email.upper(), "password": PASSWORD, "options": {"data": {"nick": "ö"}}}
    )
    assert signed_up.session is not None
    assert signed_up.user is not None
    assert signed_up.user.email == email
    assert signed_up.user.role == "authenticated"
    assert signed_up.user.user_metadata == {"nick": "ö", "email_verified": True}
    assert signed_up.user.app_metadata == {"provider": "email", "providers": ["email"]}
    assert signed_up.user.identities is not None
    assert [identity.provider for identity in signed_up.user.identities] == ["email"]
    seen = await client.auth.get_user()
    assert seen is not None
    assert seen.user.id == signed_up.user.id


async def test_sign_in_needs_the_right_password_and_says_no_more(auth: AuthServer) -> None:
    email = new_email()
    await auth.sign_up(email)
    client = await auth.client()
    signed_in = await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert signed_in.session is not None
    answers = []
    for address, password in [(email, "wrong"), (new_email(), PASSWORD), (email, "x" * 100)]:
        with pytest.raises(AuthApiError) as refused:
            await client.auth.sign_in_with_password({"email": address, "password": password})
        answers.append((refused.value.status, refused.value.code, refused.value.message))
    assert set(answers) == {(400, "invalid_credentials", "Invalid login credentials")}


async def test_an_unknown_user_costs_one_comparison_like_a_wrong_password(
    auth: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = new_email()
    await auth.sign_up(email)
    compared: list[bytes] = []

    def differ(_: bytes, hashed: bytes) -> bool:
        compared.append(hashed)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", differ)
    for address in (email, new_email()):
        credentials = {"email": address, "password": "wrong-password"}
        await auth.call("POST", "/token?grant_type=password", credentials)
    known, unknown = compared
    assert known != unknown
    assert known[:7] == unknown[:7] == b"$2b$10$"


async def test_a_taken_address_is_refused_also_to_twenty_at_once(auth: AuthServer) -> None:
    credentials = {"email": new_email(), "password": PASSWORD}
    replies = await asyncio.gather(*(auth.call("POST", "/signup", credentials) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [200] + [422] * 19
    again = await auth.call("POST", "/signup", credentials)
    assert again.refusal == (422, "user_already_exists")
    rows = await auth.sql("select id from auth.users where email = %s", credentials["email"])
    assert len(rows) == 1


async def test_a_weak_password_is_refused_with_its_reasons(bare_settings: Settings) -> None:
    letters_digits = {"minimum_password_length": 8, "password_requirements": "letters_digits"}
    rules = Auth(rate_limit=NEVER_REACHED).model_copy(update=letters_digits)
    async with serve_auth(bare_settings, rules) as auth:
        client = await auth.client()
        with pytest.raises(AuthWeakPasswordError) as refused:
            await client.auth.sign_up({"email": new_email(), "password": "short"})
        assert refused.value.status == 422
        assert refused.value.reasons == ["length", "characters"]
        with pytest.raises(AuthWeakPasswordError) as refused:
            await client.auth.sign_up({"email": new_email(), "password": "onlyletters"})
        assert refused.value.reasons == ["characters"]
        await client.auth.sign_up({"email": new_email(), "password": "letters123"})


async def test_a_password_beyond_bcrypts_limit_is_refused(auth: AuthServer) -> None:
    for password, status in [("ä" * 36, 200), ("ä" * 36 + "a", 400)]:
        credentials = {"email": new_email(), "password": password}
        assert (await auth.call("POST", "/signup", credentials)).status == status


async def test_unknown_password_rules_stop_the_start(bare_settings: Settings) -> None:
    with pytest.raises(StackError, match="password_requirements"):
        async with serve_auth(
            bare_settings, Auth.model_validate({"password_requirements": "emoji"})
        ):
            pass


async def test_closed_doors_say_so(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings, Auth(enable_signup=False)) as auth:
        credentials = {"email": new_email(), "password": PASSWORD}
        closed = await auth.call("POST", "/signup", credentials)
        assert closed.refusal == (422, "signup_disabled")
        nobody = await auth.call("POST", "/signup", {})
        assert nobody.refusal == (422, "anonymous_provider_disabled")
        settings = (await auth.call("GET", "/settings")).body
        assert settings["disable_signup"] is True
        assert settings["external"]["anonymous_users"] is False
    async with serve_auth(bare_settings, Auth(email=AuthEmail(enabled=False))) as auth:
        refused = await auth.call("POST", "/signup", credentials)
        assert refused.refusal == (400, "email_provider_disabled")
        refused = await auth.call("POST", "/token?grant_type=password", credentials)
        assert refused.refusal == (422, "email_provider_disabled")


async def test_a_guest_becomes_a_permanent_user_with_the_same_id(auth: AuthServer) -> None:
    client = await auth.client()
    guest = await client.auth.sign_in_anonymously({"options": {"data": {"cart": 3}}})
    assert guest.user is not None
    assert guest.user.is_anonymous
    assert guest.user.identities == []
    with pytest.raises(AuthApiError) as refused:
        await client.auth.update_user({"password": PASSWORD})
    assert refused.value.status == 422

    email = new_email()
    converted = await client.auth.update_user({"email": email, "password": PASSWORD})
    assert converted.user.id == guest.user.id
    assert converted.user.email == email
    assert not converted.user.is_anonymous
    assert converted.user.app_metadata["providers"] == ["email"]
    assert converted.user.user_metadata["cart"] == 3
    assert converted.user.identities is not None
    assert converted.user.identities[0].identity_data["email_verified"] is True

    refreshed = await client.auth.refresh_session()
    assert refreshed.user is not None
    assert not refreshed.user.is_anonymous
    signed_in = await (await auth.client()).auth.sign_in_with_password(
        {"email": email, "password": PASSWORD}
    )
    assert signed_in.user is not None
    assert signed_in.user.id == guest.user.id


async def test_nobody_moves_to_an_address_in_use(auth: AuthServer) -> None:
    taken = new_email()
    await auth.sign_up(taken)
    client = await auth.client()
    await client.auth.sign_in_anonymously()
    with pytest.raises(AuthApiError) as refused:
        await client.auth.update_user({"email": taken.title()})
    assert (refused.value.status, refused.value.code) == (422, "email_exists")


async def test_two_guests_who_want_one_address_get_it_once(auth: AuthServer) -> None:
    email = new_email()
    guests = [(await auth.call("POST", "/signup", {})).body for _ in range(8)]
    replies = await asyncio.gather(
        *(auth.call("PUT", "/user", {"email": email}, guest["access_token"]) for guest in guests)
    )
    assert sorted(reply.status for reply in replies) == [200] + [422] * 7


async def test_metadata_is_merged_and_null_removes(auth: AuthServer) -> None:
    session = await auth.sign_up()
    token = session["access_token"]
    await auth.call("PUT", "/user", {"data": {"a": 1, "b": {"c": None}}}, token)
    reply = await auth.call("PUT", "/user", {"data": {"a": None, "d": []}}, token)
    expected = {"b": {"c": None}, "d": [], "email_verified": True}
    assert reply.body["user_metadata"] == expected


async def test_users_cannot_raise_themselves(auth: AuthServer) -> None:
    session = await auth.sign_up()
    token = session["access_token"]
    refused = await auth.call("PUT", "/user", {"app_metadata": {"role": "staff"}}, token)
    assert refused.refusal == (403, "not_admin")
    ignored: dict[str, Any] = {"role": "service_role", "id": "x", "banned_until": None, "aud": "a"}
    reply = await auth.call("PUT", "/user", ignored, token)
    assert reply.body["role"] == "authenticated"
    assert reply.body["app_metadata"] == {"provider": "email", "providers": ["email"]}


async def test_a_new_password_ends_the_other_sessions(auth: AuthServer) -> None:
    email = new_email()
    first = await auth.sign_up(email)
    client = await auth.client()
    await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    with pytest.raises(AuthApiError) as refused:
        await client.auth.update_user({"password": PASSWORD})
    assert (refused.value.status, refused.value.code) == (422, "same_password")

    await client.auth.update_user({"password": "another password"})
    assert await client.auth.get_user() is not None
    gone = await auth.call("GET", "/user", token=first["access_token"])
    assert gone.refusal == (403, "session_not_found")
    assert (await auth.refresh(first["refresh_token"])).refusal == (400, "refresh_token_not_found")
    old = await auth.call(
        "POST", "/token?grant_type=password", {"email": email, "password": PASSWORD}
    )
    assert old.refusal == (400, "invalid_credentials")


async def test_logout_reaches_as_far_as_its_scope(auth: AuthServer) -> None:
    async def alive(sessions: list[dict[str, Any]]) -> list[bool]:
        replies = [await auth.call("GET", "/user", token=s["access_token"]) for s in sessions]
        return [reply.status == 200 for reply in replies]

    for scope, expected in [
        ("local", [False, True, True]),
        ("others", [True, False, False]),
        ("global", [False, False, False]),
        ("", [False, False, False]),
    ]:
        credentials = {"email": new_email(), "password": PASSWORD}
        sessions = [await auth.sign_up(credentials["email"])]
        for _ in range(2):
            reply = await auth.call("POST", "/token?grant_type=password", credentials)
            sessions.append(reply.body)
        path = f"/logout?scope={scope}" if scope else "/logout"
        reply = await auth.call("POST", path, token=sessions[0]["access_token"])
        assert reply.status == 204
        assert await alive(sessions) == expected
    refused = await auth.call(
        "POST", "/logout?scope=moon", token=(await auth.sign_up())["access_token"]
    )
    assert refused.refusal == (400, "validation_failed")


async def test_an_old_session_must_reauthenticate_where_config_says_so(
    bare_settings: Settings,
) -> None:
    careful = Auth(email=AuthEmail(secure_password_change=True), rate_limit=NEVER_REACHED)
    async with serve_auth(bare_settings, careful) as auth:
        session = await auth.sign_up()
        token, change = session["access_token"], {"password": "another password"}
        assert (await auth.call("PUT", "/user", change, token)).status == 200
        await auth.sql(
            "update auth.sessions set created_at = now() - interval '25 hours' where user_id = %s",
            session["user"]["id"],
        )
        refused = await auth.call("PUT", "/user", {"password": "a third password"}, token)
        assert refused.refusal == (400, "reauthentication_needed")


async def test_a_failing_trigger_of_the_app_leaves_no_half_user(auth: AuthServer) -> None:
    email = new_email()
    await auth.sql(
        """
        create function public.refuse() returns trigger language plpgsql security definer
        as $$ begin if new.email like 'refuse%' then raise exception 'no profile'; end if;
          return new; end $$
        """
    )
    await auth.sql(
        "create trigger refuse after insert on auth.users"
        " for each row execute function public.refuse()"
    )
    try:
        credentials = {"email": f"refuse{email}", "password": PASSWORD}
        failed = await auth.call("POST", "/signup", credentials)
        assert failed.refusal == (500, "unexpected_failure")
        assert failed.body["msg"] == "Database error saving new user"
        await auth.sign_up(email)
    finally:
        await auth.sql("drop function public.refuse() cascade")
    rows = await auth.sql("select from auth.users where email like 'refuse%'")
    assert rows == []
