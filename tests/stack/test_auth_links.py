"""Invitations, and the links that the service role makes instead of a mail."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
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


@pytest.fixture(scope="module")
def inbox(bare_settings: Settings) -> Iterator[Inbox]:
    """Where the mails go."""
    with open_inbox(bare_settings) as inbox:
        yield inbox


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings, inbox: Inbox) -> AsyncIterator[AuthServer]:
    """Auth that wants addresses confirmed."""
    email = AuthEmail(enable_confirmations=True)
    async with serve_auth(bare_settings, Auth(email=email, rate_limit=NEVER_REACHED)) as server:
        yield server


async def _admin(auth: AuthServer, path: str, body: object) -> Reply:
    headers = {"apikey": auth.settings.keys.secret_key}
    return await auth.call("POST", path, body, headers=headers)


async def _link(auth: AuthServer, **body: object) -> dict[str, Any]:
    reply = await _admin(auth, "/admin/generate_link", body)
    assert reply.status == 200, reply
    made: dict[str, Any] = reply.body
    return made


async def test_an_invitation_lets_its_reader_in(auth: AuthServer, inbox: Inbox) -> None:
    email = new_email()
    client = await auth.client(auth.settings.keys.secret_key)
    invited = await client.auth.admin.invite_user_by_email(email, {"data": {"team": "a"}})
    assert invited.user.invited_at is not None
    assert invited.user.user_metadata == {"team": "a"}
    again = await client.auth.admin.invite_user_by_email(email)
    assert again.user.id == invited.user.id
    use = {"email": email, "token": inbox.code(email), "type": "invite"}
    session = (await auth.call("POST", "/verify", use)).body
    assert session["user"]["email_confirmed_at"]
    assert (await _admin(auth, "/invite", {"email": email})).refusal == (422, "email_exists")


async def test_links_of_every_kind_work_without_a_mail(auth: AuthServer, inbox: Inbox) -> None:
    mails = len(inbox.mails)
    for kind in ("signup", "invite", "magiclink", "recovery"):
        email = new_email()
        if kind == "recovery":
            await auth.admin("POST", "", {"email": email, "email_confirm": True})
        made = await _link(auth, type=kind, email=email, password=PASSWORD)
        assert made["email"] == email
        expected = "signup" if kind == "magiclink" else kind
        assert (kind, made["verification_type"]) == (kind, expected)
        url = urlsplit(made["action_link"])
        assert parse_qs(url.query)["token"] == [made["hashed_token"]]
        path = f"/verify?{url.query}"
        reply = await auth.call("GET", path, allow_redirects=False)
        assert "access_token=" in reply.headers["location"]
        again = {"email": email, "token": made["email_otp"], "type": expected}
        assert (await auth.call("POST", "/verify", again)).status == 403
    assert len(inbox.mails) == mails


async def test_links_move_a_user_to_another_address(auth: AuthServer) -> None:
    old, new = new_email(), new_email()
    await auth.admin("POST", "", {"email": old, "email_confirm": True})
    uses = []
    for kind, address in (("email_change_current", old), ("email_change_new", new)):
        made = await _link(auth, type=kind, email=old, new_email=new)
        assert made["new_email"] == new
        uses.append({"email": address, "token": made["email_otp"], "type": "email_change"})
    half = await auth.call("POST", "/verify", uses[0])
    assert "other email" in half.body["msg"]
    moved = await auth.call("POST", "/verify", uses[1])
    assert moved.body["user"]["email"] == new


async def test_links_must_make_sense(auth: AuthServer) -> None:
    email, unknown = new_email(), new_email()
    await auth.admin("POST", "", {"email": email, "email_confirm": True})
    cases: list[tuple[dict[str, object], tuple[int, str]]] = [
        ({}, (400, "validation_failed")),
        ({"type": "moon", "email": email}, (400, "validation_failed")),
        ({"type": "signup", "email": unknown}, (400, "validation_failed")),
        ({"type": "signup", "email": unknown, "password": "x"}, (422, "weak_password")),
        ({"type": "signup", "email": email, "password": PASSWORD}, (422, "email_exists")),
        ({"type": "invite", "email": email}, (422, "email_exists")),
        ({"type": "recovery", "email": unknown}, (404, "user_not_found")),
        ({"type": "email_change_new", "email": email}, (400, "validation_failed")),
    ]
    for body, refusal in cases:
        reply = await _admin(auth, "/admin/generate_link", body)
        assert (body, reply.refusal) == (body, refusal)
    for path in ("/invite", "/admin/generate_link"):
        body = {"type": "magiclink", "email": email}
        assert (await auth.call("POST", path, body)).refusal == (401, "no_authorization")


async def test_a_link_leads_only_where_it_may(auth: AuthServer) -> None:
    email = new_email()
    site = auth.settings.config.auth.site_url
    evil = await _link(auth, type="magiclink", email=email, redirect_to="https://evil.example.com/")
    assert evil["redirect_to"] == site
    good = await _link(auth, type="magiclink", email=email, redirect_to=f"{site}/welcome")
    assert good["redirect_to"] == f"{site}/welcome"
