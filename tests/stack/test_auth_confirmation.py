"""E-mail confirmation and change of address: the mail is read, and its link or code used."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from supabase import AuthApiError

from local_stack.config import Auth, AuthEmail
from local_stack.ports import Ports
from local_stack.settings import Settings
from tests.stack.auth_inbox import Inbox, open_inbox
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth

SIGN_IN = "/token?grant_type=password"
EXPIRED = (403, "otp_expired")


@pytest.fixture(scope="module")
def inbox(bare_settings: Settings) -> Iterator[Inbox]:
    """Where the mails go."""
    with open_inbox(bare_settings) as inbox:
        yield inbox


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings, inbox: Inbox) -> AsyncIterator[AuthServer]:
    """Auth that wants addresses confirmed."""
    config = Auth(
        enable_anonymous_sign_ins=True,
        additional_redirect_urls=["https://shop.example.com/**", "shop://*"],
        email=AuthEmail(enable_confirmations=True, max_frequency=0, otp_length=8),
        rate_limit=NEVER_REACHED,
    )
    async with serve_auth(bare_settings, config) as server:
        yield server


async def test_a_code_confirms_once(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    client = await auth.client()
    signed_up = await client.auth.sign_up({"email": email, "password": PASSWORD})
    assert signed_up.session is None
    assert signed_up.user is not None
    assert signed_up.user.confirmation_sent_at is not None
    with pytest.raises(AuthApiError) as refused:
        await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert (refused.value.status, refused.value.code) == (400, "email_not_confirmed")

    _, code = inbox.last(email)
    assert len(code) == 8
    confirmed = await client.auth.verify_otp({"email": email, "token": code, "type": "signup"})
    assert confirmed.session is not None
    assert confirmed.user is not None
    assert confirmed.user.id == signed_up.user.id
    assert confirmed.user.email_confirmed_at is not None
    assert confirmed.user.identities is not None
    assert confirmed.user.identities[0].identity_data["email_verified"] is True
    with pytest.raises(AuthApiError) as refused:
        await client.auth.verify_otp({"email": email, "token": code, "type": "email"})
    assert (refused.value.status, refused.value.code) == EXPIRED
    await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})


async def _sign_up(auth: AuthServer, email: str, redirect_to: str = "") -> None:
    path = f"/signup?redirect_to={quote(redirect_to, safe='')}"
    reply = await auth.call("POST", path, {"email": email, "password": PASSWORD})
    assert (reply.status, "access_token" in reply.body) == (200, False)


async def test_a_link_leads_back_to_the_site_with_the_session(
    auth: AuthServer, inbox: Inbox
) -> None:
    email = new_email()
    await _sign_up(auth, email, "https://shop.example.com/welcome?a=1")
    link, _ = inbox.last(email)
    head = await auth.call("HEAD", link, allow_redirects=False)
    assert head.status == 405
    reply = await auth.call("GET", link, allow_redirects=False)
    assert reply.status == 303
    target = urlsplit(reply.headers["location"])
    assert target._replace(fragment="").geturl() == "https://shop.example.com/welcome?a=1"
    session = parse_qs(target.fragment)
    assert session["type"] == ["signup"]
    user = await auth.call("GET", "/user", token=session["access_token"][0])
    assert user.body["email"] == email
    assert (await auth.refresh(session["refresh_token"][0])).status == 200

    used = await auth.call("GET", link, allow_redirects=False)
    error = parse_qs(urlsplit(used.headers["location"]).fragment)
    assert (error["error"], error["error_code"]) == (["access_denied"], ["otp_expired"])


async def test_a_link_leads_nowhere_else(auth: AuthServer) -> None:
    site = auth.settings.config.auth.site_url
    for url, allowed in [
        ("http://127.0.0.1:5173/a", True),
        ("shop://welcome", True),
        ("https://shop.example.com/a/b.html", True),
        ("https://evil.example.com/", False),
        ("https://shop.example.com.evil.example.com/", False),
        ("http://evil.example.com\\@127.0.0.1:3000/", False),
        ("http://evil.example.com@127.0.0.1:3000/", False),
        ("http://127.0.0.1:3000@evil.example.com/", False),
        ("http://2130706433/", False),
        ("//evil.example.com", False),
        ("javascript:alert(1)", False),
        ("http://[::1", False),
        ("http://127.0.0.1:3000/\r\nX: y", False),
    ]:
        query = f"token=unknown&type=signup&redirect_to={quote(url, safe='')}"
        reply = await auth.call("GET", f"/verify?{query}", allow_redirects=False)
        target = reply.headers["location"].partition("#")[0]
        assert (url, target) == (url, url if allowed else site)


async def test_the_same_link_at_once_gives_one_session(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    await _sign_up(auth, email)
    token_hash = parse_qs(urlsplit(inbox.last(email)[0]).query)["token"][0]
    use = {"type": "email", "token_hash": token_hash}
    replies = await asyncio.gather(*(auth.call("POST", "/verify", use) for _ in range(10)))
    assert sorted(reply.status for reply in replies) == [200] + [403] * 9


async def test_an_old_code_is_refused_and_a_new_one_replaces_it(
    auth: AuthServer, inbox: Inbox
) -> None:
    email = new_email()
    await _sign_up(auth, email)
    await auth.sql(
        "update auth.one_time_tokens set created_at = created_at - interval '2 hours'"
        " where relates_to = %s",
        email,
    )
    first = {"email": email, "type": "signup", "token": inbox.last(email)[1]}
    assert (await auth.call("POST", "/verify", first)).refusal == EXPIRED
    await _sign_up(auth, email)
    second = first | {"token": inbox.last(email)[1]}
    assert (await auth.call("POST", "/verify", second)).status == 200


async def test_nobody_learns_who_is_registered(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    credentials = {"email": email, "password": PASSWORD, "data": {"nick": "N"}}
    first = (await auth.call("POST", "/signup", credentials)).body
    code = inbox.last(email)[1]
    await auth.call("POST", "/verify", {"email": email, "type": "signup", "token": code})
    mails = len(inbox.mails)
    again = (await auth.call("POST", "/signup", credentials)).body
    assert len(inbox.mails) == mails
    assert again.keys() == first.keys()
    assert again["id"] != first["id"]
    assert again["user_metadata"] == {"nick": "N"}
    assert again["identities"] == []


async def test_mails_keep_their_distance(bare_settings: Settings, inbox: Inbox) -> None:
    slow = Auth(email=AuthEmail(enable_confirmations=True, max_frequency=60))
    async with serve_auth(bare_settings, slow) as auth:
        credentials = {"email": new_email(), "password": PASSWORD}
        assert (await auth.call("POST", "/signup", credentials)).status == 200
        hasty = await auth.call("POST", "/signup", credentials)
        assert hasty.refusal == (429, "over_email_send_rate_limit")


async def test_without_a_mail_server_no_user_is_left(bare_settings: Settings) -> None:
    config = Auth(email=AuthEmail(enable_confirmations=True))
    ports = replace(bare_settings.ports, smtp=Ports.free().smtp)
    async with serve_auth(replace(bare_settings, ports=ports), config) as auth:
        email = new_email()
        failed = await auth.call("POST", "/signup", {"email": email, "password": PASSWORD})
        assert failed.refusal == (500, "unexpected_failure")
        assert await auth.sql("select from auth.users where email = %s", email) == []


async def test_a_guest_confirms_the_address_it_takes(auth: AuthServer, inbox: Inbox) -> None:
    client = await auth.client()
    guest = await client.auth.sign_in_anonymously()
    assert guest.user is not None
    email = new_email()
    pending = await client.auth.update_user({"email": email, "password": PASSWORD})
    assert pending.user.is_anonymous
    assert pending.user.new_email == email
    code = inbox.last(email)[1]
    settled = await client.auth.verify_otp({"email": email, "token": code, "type": "email_change"})
    assert settled.user is not None
    assert settled.user.id == guest.user.id
    assert settled.user.email == email
    assert not settled.user.is_anonymous
    assert settled.user.app_metadata["provider"] == "email"


async def test_a_move_needs_both_addresses(auth: AuthServer, inbox: Inbox) -> None:
    old, new = new_email(), new_email()
    await _sign_up(auth, old)
    code = {"email": old, "type": "signup", "token": inbox.last(old)[1]}
    session = (await auth.call("POST", "/verify", code)).body
    await auth.call("PUT", "/user", {"email": new}, session["access_token"])
    codes = [
        {"email": address, "type": "email_change", "token": inbox.last(address)[1]}
        for address in (old, new)
    ]
    half = await auth.call("POST", "/verify", codes[0])
    assert half.status == 200
    assert "other email" in half.body["msg"]
    user = await auth.call("GET", "/user", token=session["access_token"])
    assert (user.body["email"], user.body["new_email"]) == (old, new)
    moved = await auth.call("POST", "/verify", codes[1])
    assert moved.body["user"]["email"] == new
    assert "new_email" not in moved.body["user"]
    assert moved.body["user"]["identities"][0]["identity_data"]["email"] == new


async def test_an_address_taken_meanwhile_is_not_moved_to(auth: AuthServer, inbox: Inbox) -> None:
    guest = (await auth.call("POST", "/signup", {})).body
    email = new_email()
    await auth.call("PUT", "/user", {"email": email}, guest["access_token"])
    code = {"email": email, "type": "email_change", "token": inbox.last(email)[1]}
    await auth.admin("POST", "", {"email": email})
    assert (await auth.call("POST", "/verify", code)).refusal == (422, "email_exists")


async def test_a_new_password_voids_what_was_mailed(auth: AuthServer, inbox: Inbox) -> None:
    guest = (await auth.call("POST", "/signup", {})).body
    email = new_email()
    await auth.call("PUT", "/user", {"email": email}, guest["access_token"])
    code = {"email": email, "type": "email_change", "token": inbox.last(email)[1]}
    await auth.admin("PUT", f"/{guest['user']['id']}", {"password": "another password"})
    assert (await auth.call("POST", "/verify", code)).refusal == EXPIRED


async def test_a_verification_must_make_sense(auth: AuthServer) -> None:
    email = new_email()
    senseless: list[dict[str, object]] = [
        {},
        {"type": "signup"},
        {"type": "signup", "token": "123456"},
        {"type": "signup", "token": "1", "token_hash": "2"},
        {"type": "signup", "token_hash": "2", "email": email},
        {"type": "moon", "token": "123456", "email": email},
        {"type": "signup", "token": "123456", "email": "nobody"},
        {"type": "signup", "token": "123456", "phone": "1"},
    ]
    for body in senseless:
        reply = await auth.call("POST", "/verify", body)
        assert (body, *reply.refusal) == (body, 400, "validation_failed")
    unknown = {"type": "signup", "token": "123456", "email": email}
    assert (await auth.call("POST", "/verify", unknown)).refusal == EXPIRED
    for query in ("type=signup", "token=a", "", "type=signup&token=%00", "type=x&token=y"):
        reply = await auth.call("GET", f"/verify?{query}", allow_redirects=False)
        assert (query, *reply.refusal) == (query, 400, "validation_failed")
