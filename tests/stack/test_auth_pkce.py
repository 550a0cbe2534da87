"""PKCE: links give a code, which only the client that began the flow can exchange."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from local_stack.config import Auth, AuthEmail
from local_stack.settings import Settings
from tests.stack.auth_inbox import Inbox, open_inbox
from tests.stack.auth_server import (
    NEVER_REACHED,
    PASSWORD,
    AuthServer,
    Reply,
    new_email,
    serve_auth,
)

VERIFIER = "v" * 50
CHALLENGE = {
    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .decode()
    .rstrip("="),
    "code_challenge_method": "s256",
}
EXCHANGE = "/token?grant_type=pkce"


@pytest.fixture(scope="module")
def inbox(bare_settings: Settings) -> Iterator[Inbox]:
    """Where the mails go."""
    with open_inbox(bare_settings) as inbox:
        yield inbox


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings, inbox: Inbox) -> AsyncIterator[AuthServer]:
    """Auth that wants addresses confirmed."""
    email = AuthEmail(enable_confirmations=True, max_frequency=0, double_confirm_changes=False)
    async with serve_auth(bare_settings, Auth(email=email, rate_limit=NEVER_REACHED)) as server:
        yield server


async def _code(auth: AuthServer, link: str) -> str:
    reply = await auth.call("GET", link, allow_redirects=False)
    assert reply.status == 303
    target = urlsplit(reply.headers["location"])
    assert target.fragment == ""
    return parse_qs(target.query)["code"][0]


async def _exchange(auth: AuthServer, code: str, verifier: str = VERIFIER) -> Reply:
    return await auth.call("POST", EXCHANGE, {"auth_code": code, "code_verifier": verifier})


async def test_every_mail_can_give_a_code(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    sign_up = {"email": email, "password": PASSWORD, **CHALLENGE}
    await auth.call("POST", "/signup", sign_up)
    session = (await _exchange(auth, await _code(auth, inbox.link(email)))).body
    assert session["user"]["email"] == email
    for path in ("/otp", "/recover"):
        await auth.call("POST", path, {"email": email, **CHALLENGE})
        reply = await _exchange(auth, await _code(auth, inbox.link(email)))
        assert (path, reply.status) == (path, 200)
    new = new_email()
    await auth.call("PUT", "/user", {"email": new, **CHALLENGE}, session["access_token"])
    moved = await _exchange(auth, await _code(auth, inbox.link(new)))
    assert moved.body["user"]["email"] == new


async def test_the_official_client_exchanges_its_code(auth: AuthServer, inbox: Inbox) -> None:
    client = await auth.client()
    email = new_email()
    await client.auth.sign_in_with_otp({"email": email})
    assert inbox.token_hash(email).startswith("pkce_")
    code = await _code(auth, inbox.link(email))
    session = await client.auth.exchange_code_for_session({"auth_code": code})
    assert session.user is not None
    assert session.user.email == email


async def test_the_code_in_the_mail_works_without_the_link(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await auth.call("POST", "/otp", {"email": email, **CHALLENGE})
    use = {"email": email, "token": inbox.code(email), "type": "email"}
    assert (await auth.call("POST", "/verify", use)).status == 200


async def test_a_code_needs_its_verifier_and_works_once(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await auth.call("POST", "/otp", {"email": email, **CHALLENGE})
    code = await _code(auth, inbox.link(email))
    assert (await _exchange(auth, code, "w" * 50)).refusal == (400, "bad_code_verifier")
    replies = await asyncio.gather(*(_exchange(auth, code) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 404, 404, 404, 404]
    assert (await _exchange(auth, code)).refusal == (404, "flow_state_not_found")


async def test_a_plain_challenge_is_its_own_answer(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    plain = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}
    await auth.call("POST", "/otp", {"email": email, **plain})
    assert (await _exchange(auth, await _code(auth, inbox.link(email)))).status == 200


async def test_an_old_code_is_refused(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await auth.call("POST", "/otp", {"email": email, **CHALLENGE})
    code = await _code(auth, inbox.link(email))
    await auth.sql(
        "update auth.flow_state set created_at = created_at - interval '10 minutes',"
        " auth_code_issued_at = auth_code_issued_at - interval '10 minutes' where auth_code = %s",
        code,
    )
    assert (await _exchange(auth, code)).refusal == (422, "flow_state_expired")


async def test_the_sites_own_query_is_kept(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    site = f"{auth.settings.config.auth.site_url}/?a=1&a=2&code=old"
    body = {"email": email, **CHALLENGE}
    await auth.call("POST", "/otp", body, headers={"redirect_to": site})
    reply = await auth.call("GET", inbox.link(email), allow_redirects=False)
    query = parse_qs(urlsplit(reply.headers["location"]).query)
    assert query["a"] == ["1", "2"]
    assert len(query["code"]) == 1
    assert query["code"] != ["old"]


async def test_a_used_link_says_so_in_query_and_fragment(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await auth.call("POST", "/otp", {"email": email, **CHALLENGE})
    link = inbox.link(email)
    await _code(auth, link)
    target = urlsplit((await auth.call("GET", link, allow_redirects=False)).headers["location"])
    for part in (target.query, target.fragment):
        assert parse_qs(part)["error_code"] == ["otp_expired"]


async def test_challenges_must_make_sense(auth: AuthServer) -> None:
    email = new_email()
    for challenge in (
        {"code_challenge": VERIFIER},
        {"code_challenge_method": "s256"},
        {"code_challenge": "short", "code_challenge_method": "s256"},
        {"code_challenge": "x" * 129, "code_challenge_method": "s256"},
        {"code_challenge": "ä" * 50, "code_challenge_method": "s256"},
        {"code_challenge": VERIFIER, "code_challenge_method": "md5"},
    ):
        for path in ("/otp", "/recover"):
            reply = await auth.call("POST", path, {"email": email, **challenge})
            assert (challenge, *reply.refusal) == (challenge, 400, "validation_failed")
    for body in ({}, {"auth_code": "x"}, {"code_verifier": VERIFIER}):
        reply = await auth.call("POST", EXCHANGE, body)
        assert reply.refusal == (400, "validation_failed")
    assert (await _exchange(auth, "unknown")).refusal == (404, "flow_state_not_found")
