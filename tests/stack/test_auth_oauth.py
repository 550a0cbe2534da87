"""Signing in at a provider: a small OpenID Connect issuer, and what Auth makes of its users."""

import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import BasicAuth, web

from local_stack.config import Auth, AuthEmail, AuthProvider
from local_stack.ports import HOST
from local_stack.settings import Settings
from tests.stack.auth_inbox import Inbox, open_inbox
from tests.stack.auth_server import NEVER_REACHED, PASSWORD, AuthServer, new_email, serve_auth

CLIENT = ("shop", "client secret")
VERIFIER = "v" * 50
REFRESH = "of the issuer"
PLAIN = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}


@dataclass
class Issuer:
    """Signs in whoever `next_user` says, without a question."""

    url: str
    next_user: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""
    _codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def discover(self, _: web.Request) -> web.Response:
        names = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        endpoints = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in names.items()}
        return web.json_response({"issuer": self.url} | endpoints)

    async def authorize(self, request: web.Request) -> web.Response:
        query = request.query
        assert query["client_id"] == CLIENT[0]
        assert query["response_type"] == "code"
        assert set(query["scope"].split()) >= {"openid", "email", "profile"}
        answer = {"state": query["state"]}
        if self.refusal:
            answer["error"] = self.refusal
        else:
            answer["code"] = secrets.token_hex(8)
            self._codes[answer["code"]] = self.next_user
        location = f"{query['redirect_uri']}?{urlencode(answer)}"
        return web.Response(status=302, headers={"Location": location})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = BasicAuth.decode(request.headers["Authorization"])
        code = str(form["code"])
        if (given.login, given.password) != CLIENT or code not in self._codes:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = secrets.token_hex(8)
        self._tokens[token] = self._codes.pop(code)
        return web.json_response({"access_token": token, "refresh_token": REFRESH})

    async def userinfo(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response(self._tokens[token])


@asynccontextmanager
async def _issuer() -> AsyncIterator[Issuer]:
    with socket.create_server((HOST, 0)) as listener:
        issuer = Issuer(f"http://{HOST}:{listener.getsockname()[1]}")
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", issuer.discover)
        app.router.add_get("/authorize", issuer.authorize)
        app.router.add_post("/token", issuer.token)
        app.router.add_get("/userinfo", issuer.userinfo)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield issuer
        finally:
            await runner.cleanup()


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    """The issuer."""
    async with _issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def inbox(bare_settings: Settings) -> Iterator[Inbox]:
    """Where the mails go."""
    with open_inbox(bare_settings) as inbox:
        yield inbox


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings, issuer: Issuer, inbox: Inbox) -> AsyncIterator[AuthServer]:
    """Auth that knows the issuer, wants addresses confirmed, and lets users link identities."""
    config = Auth(
        enable_anonymous_sign_ins=True,
        enable_manual_linking=True,
        email=AuthEmail(enable_confirmations=True, max_frequency=0),
        rate_limit=NEVER_REACHED,
        external={
            "keycloak": _provider(issuer.url),
            "google": AuthProvider(enabled=False, url=issuer.url),
        },
    )
    async with serve_auth(bare_settings, config) as server:
        yield server


def _provider(url: str) -> AuthProvider:
    return AuthProvider(enabled=True, client_id=CLIENT[0], secret=CLIENT[1], url=url)


def _someone(email: str | None = None, *, verified: bool = True) -> dict[str, Any]:
    address = email or new_email()
    return {
        "sub": secrets.token_hex(8),
        "email": address,
        "email_verified": verified,
        "name": "A Name",
    }


async def _follow(auth: AuthServer, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Query and fragment of the site's address at the end of the redirects."""
    for _ in range(2):
        async with auth.http.get(url, allow_redirects=False) as response:
            assert response.status == 302, await response.text()
            url = response.headers["Location"]
    target = urlsplit(url)
    assert f"{target.scheme}://{target.netloc}" == auth.settings.config.auth.site_url
    return _flat(target.query), _flat(target.fragment)


def _flat(text: str) -> dict[str, Any]:
    return {name: values[0] for name, values in parse_qs(text).items()}


async def _sign_in(auth: AuthServer, **query: str) -> tuple[dict[str, Any], dict[str, Any]]:
    query = {"provider": "keycloak"} | query
    reply = await auth.call("GET", f"/authorize?{urlencode(query)}", allow_redirects=False)
    assert reply.status == 302, reply
    return await _follow(auth, reply.headers["location"])


async def test_a_new_user_comes_back_with_a_session(auth: AuthServer, issuer: Issuer) -> None:
    issuer.next_user = _someone()
    _, session = await _sign_in(auth)
    assert session["provider_token"]
    assert session["provider_refresh_token"] == REFRESH
    user = (await auth.call("GET", "/user", token=session["access_token"])).body
    assert user["email"] == issuer.next_user["email"]
    assert user["email_confirmed_at"]
    assert not user["is_anonymous"]
    assert user["app_metadata"] == {"provider": "keycloak", "providers": ["keycloak"]}
    assert user["user_metadata"]["full_name"] == "A Name"
    assert [identity["id"] for identity in user["identities"]] == [issuer.next_user["sub"]]
    _, again = await _sign_in(auth)
    same = (await auth.call("GET", "/user", token=again["access_token"])).body
    assert same["id"] == user["id"]
    assert len(same["identities"]) == 1


async def test_a_pkce_flow_gives_a_code(auth: AuthServer, issuer: Issuer) -> None:
    issuer.next_user = _someone()
    query, fragment = await _sign_in(auth, **PLAIN)
    assert fragment == {}
    grant = {"auth_code": query["code"], "code_verifier": VERIFIER}
    session = (await auth.call("POST", "/token?grant_type=pkce", grant)).body
    assert session["user"]["email"] == issuer.next_user["email"]
    assert session["provider_token"]
    assert session["provider_refresh_token"] == REFRESH


async def test_the_official_client_is_sent_to_the_provider(
    auth: AuthServer, issuer: Issuer
) -> None:
    issuer.next_user = _someone()
    client = await auth.client()
    there = await client.auth.sign_in_with_oauth({"provider": "keycloak"})
    reply = await auth.call("GET", there.url.partition("/auth/v1")[2], allow_redirects=False)
    query, _ = await _follow(auth, reply.headers["location"])
    session = await client.auth.exchange_code_for_session({"auth_code": query["code"]})
    assert session.user is not None
    assert session.user.email == issuer.next_user["email"]


async def test_a_proven_address_finds_its_user(auth: AuthServer, issuer: Issuer) -> None:
    email = new_email()
    member = {"email": email, "password": PASSWORD, "email_confirm": True}
    user_id = (await auth.admin("POST", "", member)).body["id"]
    issuer.next_user = _someone(email)
    _, session = await _sign_in(auth)
    user = (await auth.call("GET", "/user", token=session["access_token"])).body
    assert user["id"] == user_id
    assert user["app_metadata"]["providers"] == ["email", "keycloak"]
    credentials = {"email": email, "password": PASSWORD}
    assert (await auth.call("POST", "/token?grant_type=password", credentials)).status == 200


async def test_who_signed_up_first_with_anothers_address_gets_nothing(
    auth: AuthServer, issuer: Issuer
) -> None:
    email = new_email()
    credentials = {"email": email, "password": PASSWORD}
    await auth.call("POST", "/signup", credentials | {"data": {"planted": True}})
    issuer.next_user = _someone(email)
    _, session = await _sign_in(auth)
    user = (await auth.call("GET", "/user", token=session["access_token"])).body
    assert "planted" not in user["user_metadata"]
    assert [identity["provider"] for identity in user["identities"]] == ["keycloak"]
    stolen = await auth.call("POST", "/token?grant_type=password", credentials)
    assert stolen.refusal == (400, "invalid_credentials")


async def test_an_unproven_address_waits_for_a_mail(
    auth: AuthServer, issuer: Issuer, inbox: Inbox
) -> None:
    issuer.next_user = _someone(verified=False)
    query, fragment = await _sign_in(auth)
    assert query == fragment | {}
    assert fragment["error"] == "access_denied"
    assert fragment["error_code"] == "provider_email_needs_verification"
    email = issuer.next_user["email"]
    confirmed = await auth.call("GET", inbox.link(email), allow_redirects=False)
    assert "access_token=" in confirmed.headers["location"]
    _, session = await _sign_in(auth)
    assert session["access_token"]


async def test_an_unproven_address_of_a_member_gives_no_entry(
    auth: AuthServer, issuer: Issuer
) -> None:
    email = new_email()
    member = {"email": email, "password": PASSWORD, "email_confirm": True}
    user_id = (await auth.admin("POST", "", member)).body["id"]
    issuer.next_user = _someone(email, verified=False)
    _, session = await _sign_in(auth)
    user = (await auth.call("GET", "/user", token=session["access_token"])).body
    assert user["id"] != user_id
    assert user["email"] == ""


async def test_refusals_come_back_to_the_site(auth: AuthServer, issuer: Issuer) -> None:
    issuer.refusal = "access_denied"
    try:
        _, told = await _sign_in(auth)
    finally:
        issuer.refusal = ""
    assert told["error"] == "access_denied"
    issuer.next_user = {"sub": ""}
    _, told = await _sign_in(auth)
    assert told["error"] == "server_error"
    for query in ("", "state=x", "state=00000000-0000-4000-8000-000000000000&code=1"):
        reply = await auth.call("GET", f"/callback?{query}", allow_redirects=False)
        assert reply.status == 302
        assert "error_code=bad_oauth_" in reply.headers["location"]


async def test_a_state_works_once(auth: AuthServer, issuer: Issuer) -> None:
    issuer.next_user = _someone()
    reply = await auth.call("GET", "/authorize?provider=keycloak", allow_redirects=False)
    async with auth.http.get(reply.headers["location"], allow_redirects=False) as there:
        path = there.headers["Location"].partition("/auth/v1")[2]
    first = await auth.call("GET", path, allow_redirects=False)
    assert "access_token=" in first.headers["location"]
    second = await auth.call("GET", path, allow_redirects=False)
    assert "bad_oauth_state" in second.headers["location"]


async def test_requests_must_make_sense(auth: AuthServer) -> None:
    for query in (
        {},
        {"provider": "moon"},
        {"provider": "google"},
        {"provider": "keycloak", "code_challenge": VERIFIER},
    ):
        reply = await auth.call("GET", f"/authorize?{urlencode(query)}", allow_redirects=False)
        assert (query, *reply.refusal) == (query, 400, "validation_failed")


async def test_a_silent_issuer_is_told(bare_settings: Settings) -> None:
    with socket.create_server((HOST, 0)) as closed:
        url = f"http://{HOST}:{closed.getsockname()[1]}"
    config = Auth(external={"keycloak": _provider(url)})
    async with serve_auth(bare_settings, config) as auth:
        reply = await auth.call("GET", "/authorize?provider=keycloak", allow_redirects=False)
        assert reply.refusal == (500, "unexpected_failure")


async def _link(auth: AuthServer, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    path = "/user/identities/authorize?provider=keycloak&skip_http_redirect=true"
    reply = await auth.call("GET", path, token=token)
    assert reply.status == 200, reply
    return await _follow(auth, reply.body["url"])


async def test_a_guest_links_an_identity_and_becomes_a_user(
    auth: AuthServer, issuer: Issuer
) -> None:
    guest = (await auth.call("POST", "/signup", {})).body
    issuer.next_user = _someone()
    _, session = await _link(auth, guest["access_token"])
    user = (await auth.call("GET", "/user", token=session["access_token"])).body
    assert user["id"] == guest["user"]["id"]
    assert user["email"] == issuer.next_user["email"]
    assert not user["is_anonymous"]
    _, told = await _link(auth, session["access_token"])
    assert told["error_code"] == "identity_already_exists"
    other = (await auth.call("POST", "/signup", {})).body
    _, told = await _link(auth, other["access_token"])
    assert told["error_code"] == "identity_already_exists"


async def test_an_identity_is_unlinked_but_never_the_last(auth: AuthServer, issuer: Issuer) -> None:
    email = new_email()
    member = {"email": email, "password": PASSWORD, "email_confirm": True}
    await auth.admin("POST", "", member)
    credentials = {"email": email, "password": PASSWORD}
    token = (await auth.call("POST", "/token?grant_type=password", credentials)).body[
        "access_token"
    ]
    issuer.next_user = _someone()
    await _link(auth, token)
    client = await auth.client()
    await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    linked = await client.auth.get_user_identities()
    by_provider = {identity.provider: identity for identity in linked.identities}
    await client.auth.unlink_identity(by_provider["email"])
    user = (await auth.call("GET", "/user", token=token)).body
    assert user["email"] == issuer.next_user["email"]
    assert user["app_metadata"]["providers"] == ["keycloak"]
    last = user["identities"][0]["identity_id"]
    reply = await auth.call("DELETE", f"/user/identities/{last}", token=token)
    assert reply.refusal == (422, "single_identity_not_deletable")
    reply = await auth.call("DELETE", "/user/identities/x", token=token)
    assert reply.refusal == (404, "validation_failed")


async def test_linking_can_be_off(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings) as auth:
        token = (await auth.sign_up())["access_token"]
        for method, path in (("GET", "authorize?provider=google"), ("DELETE", "x")):
            reply = await auth.call(method, f"/user/identities/{path}", token=token)
            assert reply.refusal == (404, "manual_linking_disabled")
