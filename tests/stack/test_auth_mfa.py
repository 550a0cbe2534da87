"""A second factor: enrolled, challenged and verified by its user, and what it protects."""

import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pyotp
import pytest
from supabase import AsyncClient, AuthApiError

from local_stack.config import Auth, AuthMfa, AuthTotp
from local_stack.settings import Settings
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth

TOTP = {"factor_type": "totp", "friendly_name": "phone"}


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with TOTP, two factors at most."""
    mfa = AuthMfa(max_enrolled_factors=2, totp=AuthTotp(enroll_enabled=True, verify_enabled=True))
    config = Auth(rate_limit=NEVER_REACHED, mfa=mfa)
    async with serve_auth(bare_settings, config) as server:
        yield server


async def _signed_up(auth: AuthServer) -> AsyncClient:
    client = await auth.client()
    await client.auth.sign_up({"email": new_email(), "password": PASSWORD})
    return client


async def _enrolled(auth: AuthServer, token: str, name: str = "phone") -> tuple[str, str]:
    """The id and the secret of a new factor."""
    reply = await auth.call("POST", "/factors", TOTP | {"friendly_name": name}, token)
    assert reply.status == 200, reply
    return reply.body["id"], reply.body["totp"]["secret"]


async def _answer(auth: AuthServer, token: str, factor: str, secret: str) -> dict[str, Any]:
    """The body to verify a new challenge with."""
    made = await auth.call("POST", f"/factors/{factor}/challenge", {}, token)
    assert made.body["expires_at"] > time.time()
    return {"challenge_id": made.body["id"], "code": pyotp.TOTP(secret).now()}


async def _protected(auth: AuthServer) -> tuple[dict[str, Any], str, str]:
    """A session of two factors, its factor, and the factor's secret."""
    token = (await auth.sign_up())["access_token"]
    factor, secret = await _enrolled(auth, token)
    body = await _answer(auth, token, factor, secret)
    return (await auth.call("POST", f"/factors/{factor}/verify", body, token)).body, factor, secret


async def test_the_official_client_raises_its_session(auth: AuthServer) -> None:
    client = await _signed_up(auth)
    enrolled = await client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    assert enrolled.totp is not None
    assert "<svg" in enrolled.totp.qr_code
    assert enrolled.totp.secret in enrolled.totp.uri
    level = await client.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal1")
    await client.auth.mfa.challenge_and_verify(
        {"factor_id": enrolled.id, "code": pyotp.TOTP(enrolled.totp.secret).now()}
    )
    level = await client.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    methods = [entry.method for entry in level.current_authentication_methods]
    assert methods == ["totp", "password"]
    listed = await client.auth.mfa.list_factors()
    assert [factor.id for factor in listed.totp] == [enrolled.id]
    await client.auth.refresh_session()
    level = await client.auth.mfa.get_authenticator_assurance_level()
    assert level.current_level == "aal2"
    await client.auth.mfa.unenroll({"factor_id": enrolled.id})
    await client.auth.refresh_session()
    level = await client.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal1")


async def test_a_wrong_code_and_a_used_challenge_are_refused(auth: AuthServer) -> None:
    token = (await auth.sign_up())["access_token"]
    factor, secret = await _enrolled(auth, token)
    path = f"/factors/{factor}/verify"
    body = await _answer(auth, token, factor, secret)
    wrong = body | {"code": "000000" if body["code"] != "000000" else "111111"}
    refused = await auth.call("POST", path, wrong, token)
    assert refused.refusal == (422, "mfa_verification_failed")
    assert (await auth.call("POST", path, body, token)).status == 200
    again = await auth.call("POST", path, body, token)
    assert again.refusal == (422, "mfa_ip_address_mismatch")


async def test_a_challenge_ends_after_five_minutes(auth: AuthServer) -> None:
    token = (await auth.sign_up())["access_token"]
    factor, secret = await _enrolled(auth, token)
    body = await _answer(auth, token, factor, secret)
    old = "update auth.mfa_challenges set created_at = now() - interval '6 minutes' where id = %s"
    await auth.sql(old, body["challenge_id"])
    late = await auth.call("POST", f"/factors/{factor}/verify", body, token)
    assert late.refusal == (422, "mfa_challenge_expired")


async def test_other_sessions_of_one_factor_end(auth: AuthServer) -> None:
    first = await auth.sign_up()
    credentials = {"email": first["user"]["email"], "password": PASSWORD}
    second = (await auth.call("POST", "/token?grant_type=password", credentials)).body
    token = first["access_token"]
    factor, secret = await _enrolled(auth, token)
    body = await _answer(auth, token, factor, secret)
    raised = (await auth.call("POST", f"/factors/{factor}/verify", body, token)).body
    claims = jwt.decode(raised["access_token"], options={"verify_signature": False})
    assert claims["aal"] == "aal2"
    assert (await auth.call("GET", "/user", token=raised["access_token"])).status == 200
    gone = await auth.call("GET", "/user", token=second["access_token"])
    assert gone.refusal == (403, "session_not_found")
    assert (await auth.refresh(second["refresh_token"])).status == 400


async def test_one_factor_is_not_enough_where_there_are_two(auth: AuthServer) -> None:
    raised, factor, _ = await _protected(auth)
    credentials = {"email": raised["user"]["email"], "password": PASSWORD}
    weak = (await auth.call("POST", "/token?grant_type=password", credentials)).body
    assert [f["status"] for f in weak["user"]["factors"]] == ["verified"]
    assert "secret" not in weak["user"]["factors"][0]
    token = weak["access_token"]
    cases: list[tuple[str, str, object, tuple[int, str]]] = [
        ("PUT", "/user", {"password": "a new password"}, (401, "insufficient_aal")),
        ("PUT", "/user", {"email": new_email()}, (401, "insufficient_aal")),
        ("DELETE", f"/factors/{factor}", None, (422, "insufficient_aal")),
        ("POST", "/factors", TOTP | {"friendly_name": "2"}, (403, "insufficient_aal")),
    ]
    for method, path, body, refusal in cases:
        reply = await auth.call(method, path, body, token)
        assert (method, path, reply.refusal) == (method, path, refusal)
    assert (await auth.call("PUT", "/user", {"data": {"a": 1}}, token)).status == 200
    strong = raised["access_token"]
    changed = await auth.call("PUT", "/user", {"password": "a new password"}, strong)
    assert changed.status == 200


async def test_factors_are_their_users_own(auth: AuthServer) -> None:
    _, factor, _ = await _protected(auth)
    token = (await auth.sign_up())["access_token"]
    for method, path in (
        ("POST", f"/factors/{factor}/challenge"),
        ("POST", f"/factors/{factor}/verify"),
        ("DELETE", f"/factors/{factor}"),
    ):
        reply = await auth.call(method, path, {}, token)
        assert (path, reply.refusal) == (path, (404, "mfa_factor_not_found"))
        assert (await auth.call(method, path, {})).refusal == (401, "no_authorization")


async def test_the_service_role_helps_who_lost_the_phone(auth: AuthServer) -> None:
    raised, factor, _ = await _protected(auth)
    admin = await auth.client(auth.settings.keys.secret_key)
    user_id = raised["user"]["id"]
    listed = await admin.auth.admin.mfa.list_factors({"user_id": user_id})
    assert [f.id for f in listed] == [factor]
    renamed = await auth.admin("PUT", f"/{user_id}/factors/{factor}", {"friendly_name": "x"})
    assert renamed.body["friendly_name"] == "x"
    await admin.auth.admin.mfa.delete_factor({"user_id": user_id, "id": factor})
    refreshed = (await auth.refresh(raised["refresh_token"])).body
    claims = jwt.decode(refreshed["access_token"], options={"verify_signature": False})
    assert claims["aal"] == "aal1"
    assert [entry["method"] for entry in claims["amr"]] == ["password"]
    gone = await auth.admin("DELETE", f"/{user_id}/factors/{factor}")
    assert gone.refusal == (404, "mfa_factor_not_found")


async def test_enrolment_has_its_limits(auth: AuthServer) -> None:
    token = (await auth.sign_up())["access_token"]
    cases: list[tuple[dict[str, object], tuple[int, str]]] = [
        ({}, (400, "validation_failed")),
        ({"factor_type": "smell"}, (400, "validation_failed")),
        ({"factor_type": "phone"}, (422, "mfa_phone_enroll_not_enabled")),
        ({"factor_type": "webauthn"}, (422, "mfa_webauthn_enroll_not_enabled")),
        ({"factor_type": "totp", "friendly_name": "n" * 256}, (400, "bad_json")),
    ]
    for body, refusal in cases:
        assert (body, (await auth.call("POST", "/factors", body, token)).refusal) == (body, refusal)
    await _enrolled(auth, token)
    again = await auth.call("POST", "/factors", TOTP, token)
    assert again.refusal == (422, "mfa_factor_name_conflict")
    await _enrolled(auth, token, "second")
    full = await auth.call("POST", "/factors", TOTP | {"friendly_name": "third"}, token)
    assert full.refusal == (422, "too_many_enrolled_mfa_factors")
    old = "update auth.mfa_factors set created_at = now() - interval '6 minutes'"
    await auth.sql(old)
    await _enrolled(auth, token, "third")


async def test_verification_must_make_sense(auth: AuthServer) -> None:
    token = (await auth.sign_up())["access_token"]
    factor, _ = await _enrolled(auth, token)
    unknown = "00000000-0000-4000-8000-000000000000"
    cases: list[tuple[str, dict[str, object], tuple[int, str]]] = [
        (factor, {}, (400, "validation_failed")),
        (factor, {"code": "123456"}, (400, "validation_failed")),
        (factor, {"code": "1", "challenge_id": unknown}, (422, "mfa_factor_not_found")),
        (unknown, {"code": "1", "challenge_id": unknown}, (404, "mfa_factor_not_found")),
        ("x", {"code": "1"}, (404, "validation_failed")),
    ]
    for path, body, refusal in cases:
        reply = await auth.call("POST", f"/factors/{path}/verify", body, token)
        assert (path, body, reply.refusal) == (path, body, refusal)


async def test_it_can_be_off(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings) as auth:
        client = await _signed_up(auth)
        with pytest.raises(AuthApiError) as refused:
            await client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
        assert refused.value.code == "mfa_totp_enroll_not_enabled"
