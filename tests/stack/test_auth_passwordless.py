"""Signing in by mail: codes, magic links, recovery, mails sent again, and the nonce."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from local_stack.config import Auth, AuthEmail, AuthRateLimit
from local_stack.settings import Settings
from tests.stack.auth_inbox import Inbox, open_inbox
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth

INVALID = (400, "validation_failed")
EXPIRED = (403, "otp_expired")


@pytest.fixture(scope="module")
def inbox(bare_settings: Settings) -> Iterator[Inbox]:
    """Where the mails go."""
    with open_inbox(bare_settings) as inbox:
        yield inbox


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings, inbox: Inbox) -> AsyncIterator[AuthServer]:
    """Auth that wants addresses confirmed, and old sessions proven before a new password."""
    email = AuthEmail(enable_confirmations=True, max_frequency=0, secure_password_change=True)
    async with serve_auth(bare_settings, Auth(email=email, rate_limit=NEVER_REACHED)) as server:
        yield server


async def _member(auth: AuthServer) -> str:
    email = new_email()
    user = {"email": email, "password": PASSWORD, "email_confirm": True}
    assert (await auth.admin("POST", "", user)).status == 200
    return email


async def test_a_code_lets_a_new_user_in(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    client = await auth.client()
    await client.auth.sign_in_with_otp({"email": email, "options": {"data": {"nick": "N"}}})
    code = inbox.code(email)
    entered = await client.auth.verify_otp({"email": email, "token": code, "type": "email"})
    assert entered.user is not None
    assert entered.user.email_confirmed_at is not None
    assert entered.user.user_metadata["nick"] == "N"
    without_password = {"email": email, "password": ""}
    refused = await auth.call("POST", "/token?grant_type=password", without_password)
    assert refused.refusal == (400, "invalid_credentials")


async def test_a_code_lets_a_known_user_in(auth: AuthServer, inbox: Inbox) -> None:
    email = await _member(auth)
    client = await auth.client()
    for kind in ("email", "magiclink"):
        await client.auth.sign_in_with_otp({"email": email})
        use = {"email": email, "token": inbox.code(email), "type": kind}
        session = (await auth.call("POST", "/verify", use)).body
        assert session["user"]["email"] == email
        assert (await auth.call("POST", "/verify", use)).refusal == EXPIRED


async def test_a_magic_link_leads_back_with_a_session(auth: AuthServer, inbox: Inbox) -> None:
    email = await _member(auth)
    assert (await auth.call("POST", "/magiclink", {"email": email})).body == {}
    reply = await auth.call("GET", inbox.link(email), allow_redirects=False)
    told = parse_qs(urlsplit(reply.headers["location"]).fragment)
    assert told["type"] == ["magiclink"]
    user = await auth.call("GET", "/user", token=told["access_token"][0])
    assert user.body["email"] == email


async def test_a_link_leads_back_to_the_page_that_asked(auth: AuthServer, inbox: Inbox) -> None:
    email = await _member(auth)
    site = auth.settings.config.auth.site_url
    page, evil = "http://127.0.0.1:5173/login", "https://evil.example.com/"
    for referer, asked, expected in (
        (page, "", page),
        (page, evil, page),
        (page, f"{site}/a", f"{site}/a"),
        (evil, evil, site),
    ):
        headers = {"Referer": referer, "redirect_to": asked}
        await auth.call("POST", "/otp", {"email": email}, headers=headers)
        query = parse_qs(urlsplit(inbox.link(email)).query)
        assert (referer, asked, query["redirect_to"]) == (referer, asked, [expected])


async def test_unknown_addresses_stay_unknown(auth: AuthServer, inbox: Inbox) -> None:
    email, mails = new_email(), len(inbox.mails)
    otp = {"email": email, "create_user": False}
    assert (await auth.call("POST", "/otp", otp)).refusal == (422, "otp_disabled")
    assert (await auth.call("POST", "/recover", {"email": email})).body == {}
    assert (await auth.call("POST", "/resend", {"email": email, "type": "signup"})).body == {}
    assert len(inbox.mails) == mails
    assert await auth.sql("select from auth.users where email = %s", email) == []


async def test_a_forgotten_password_is_replaced(auth: AuthServer, inbox: Inbox) -> None:
    email = await _member(auth)
    client = await auth.client()
    await client.auth.reset_password_for_email(email)
    assert inbox.newest(email)["Subject"] == "Reset Your Password"
    use = {"token_hash": inbox.token_hash(email), "type": "recovery"}
    assert (await auth.call("POST", "/verify", use | {"type": "signup"})).refusal == EXPIRED
    session = (await auth.call("POST", "/verify", use)).body
    changed = {"password": "a new password"}
    assert (await auth.call("PUT", "/user", changed, session["access_token"])).status == 200
    await client.auth.sign_in_with_password({"email": email, "password": "a new password"})


async def test_an_unconfirmed_user_recovers_and_is_confirmed(
    auth: AuthServer, inbox: Inbox
) -> None:
    email = new_email()
    await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
    await auth.call("POST", "/recover", {"email": email})
    use = {"email": email, "token": inbox.code(email), "type": "recovery"}
    session = (await auth.call("POST", "/verify", use)).body
    assert session["user"]["email_confirmed_at"]


async def test_a_confirmation_is_sent_again(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
    first = inbox.code(email)
    client = await auth.client()
    await client.auth.resend({"type": "signup", "email": email})
    use = {"email": email, "type": "signup", "token": first}
    if inbox.code(email) != first:
        assert (await auth.call("POST", "/verify", use)).refusal == EXPIRED
    session = (await auth.call("POST", "/verify", use | {"token": inbox.code(email)})).body
    mails = len(inbox.mails)
    await client.auth.resend({"type": "signup", "email": email})
    assert len(inbox.mails) == mails
    new = new_email()
    await auth.call("PUT", "/user", {"email": new}, session["access_token"])
    await client.auth.resend({"type": "email_change", "email": email})
    assert [mail["To"] for mail in inbox.mails[mails:]] == [new, email, new, email]


async def test_an_old_session_needs_a_nonce_for_a_new_password(
    auth: AuthServer, inbox: Inbox
) -> None:
    email = await _member(auth)
    credentials = {"email": email, "password": PASSWORD}
    session = (await auth.call("POST", "/token?grant_type=password", credentials)).body
    token = session["access_token"]
    old = "update auth.sessions set created_at = now() - interval '2 days' where user_id = %s"
    await auth.sql(old, session["user"]["id"])
    changed = {"password": "a new password"}
    reply = await auth.call("PUT", "/user", changed, token)
    assert reply.refusal == (400, "reauthentication_needed")
    assert (await auth.call("GET", "/reauthenticate", token=token)).body == {}
    wrong = await auth.call("PUT", "/user", changed | {"nonce": "000"}, token)
    assert wrong.refusal == (422, "reauthentication_not_valid")
    nonce = {"nonce": inbox.code(email)}
    assert (await auth.call("PUT", "/user", changed | nonce, token)).status == 200
    again = await auth.call("PUT", "/user", {"password": "another"} | nonce, token)
    assert again.refusal == (422, "reauthentication_not_valid")


async def test_the_project_sends_only_so_many_mails(bare_settings: Settings, inbox: Inbox) -> None:
    limit = AuthRateLimit(email_sent=2)
    email = AuthEmail(enable_confirmations=True, max_frequency=0)
    async with serve_auth(bare_settings, Auth(email=email, rate_limit=limit)) as auth:
        replies = [await auth.call("POST", "/otp", {"email": new_email()}) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert replies[2].refusal == (429, "over_email_send_rate_limit")


async def test_nobody_tries_out_nonces(bare_settings: Settings, inbox: Inbox) -> None:
    limit = AuthRateLimit(token_verifications=2)
    config = Auth(email=AuthEmail(secure_password_change=True), rate_limit=limit)
    async with serve_auth(bare_settings, config) as auth:
        session = await auth.sign_up()
        old = "update auth.sessions set created_at = now() - interval '2 days' where user_id = %s"
        await auth.sql(old, session["user"]["id"])
        change = {"password": "a new password", "nonce": "000"}
        replies = [
            await auth.call("PUT", "/user", change, session["access_token"]) for _ in range(3)
        ]
        assert [reply.status for reply in replies] == [422, 422, 429]


async def test_closed_doors_stay_closed(bare_settings: Settings, inbox: Inbox) -> None:
    closed = Auth(enable_signup=False, email=AuthEmail(max_frequency=0))
    async with serve_auth(bare_settings, closed) as auth:
        email = new_email()
        refused = (422, "signup_disabled")
        assert (await auth.call("POST", "/otp", {"email": email})).refusal == refused
        assert await auth.sql("select from auth.users where email = %s", email) == []
    without = Auth(email=AuthEmail(enabled=False))
    async with serve_auth(bare_settings, without) as auth:
        refused = (422, "email_provider_disabled")
        assert (await auth.call("POST", "/otp", {"email": new_email()})).refusal == refused


async def test_without_confirmations_a_code_signs_up_at_once(
    bare_settings: Settings, inbox: Inbox
) -> None:
    config = Auth(email=AuthEmail(max_frequency=0))
    async with serve_auth(bare_settings, config) as auth:
        email = new_email()
        assert (await auth.call("POST", "/otp", {"email": email})).status == 200
        assert inbox.newest(email)["Subject"] == "Your Magic Link"
        use = {"email": email, "token": inbox.code(email), "type": "email"}
        assert (await auth.call("POST", "/verify", use)).status == 200


async def test_requests_must_make_sense(auth: AuthServer) -> None:
    email = new_email()
    cases: list[tuple[str, dict[str, object], tuple[int, str]]] = [
        ("/otp", {}, INVALID),
        ("/otp", {"email": "nobody"}, INVALID),
        ("/otp", {"email": email, "phone": "1"}, INVALID),
        ("/otp", {"email": email, "channel": "sms"}, INVALID),
        ("/otp", {"phone": "491234"}, (400, "phone_provider_disabled")),
        ("/otp", {"email": email, "create_user": "yes"}, (400, "bad_json")),
        ("/recover", {}, INVALID),
        ("/recover", {"email": "nobody"}, INVALID),
        ("/resend", {}, INVALID),
        ("/resend", {"type": "recovery", "email": email}, INVALID),
        ("/resend", {"type": "signup"}, INVALID),
        ("/resend", {"type": "sms"}, INVALID),
        ("/resend", {"type": "email_change"}, INVALID),
        ("/resend", {"type": "sms", "phone": "491234"}, (400, "phone_provider_disabled")),
        ("/verify", {"type": "sms", "phone": "491234", "token": "1"}, EXPIRED),
        ("/verify", {"type": "sms", "phone": "x", "token": "1"}, INVALID),
        ("/sso", {"domain": "example.com"}, (404, "saml_provider_disabled")),
        ("/token?grant_type=web3", {}, (422, "web3_provider_disabled")),
        ("/token?grant_type=id_token", {}, (400, "provider_disabled")),
    ]
    for path, body, refusal in cases:
        reply = await auth.call("POST", path, body)
        assert (path, body, reply.refusal) == (path, body, refusal)
    assert (await auth.call("GET", "/reauthenticate")).refusal == (401, "no_authorization")
