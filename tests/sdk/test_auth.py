"""Sessions: who is signed in, and tokens that are refreshed once."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import httpx
import pytest

from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    OrderbaseError,
    RateLimited,
)
from orderbase._session import read_session
from tests.sdk.conftest import OpenShop
from tests.sdk.server import HandlerTransport

PASSWORD = "secret-word"  # noqa: S105 - only for tests
USER_ID = "00000000-0000-4000-8000-00000000000a"


class AuthServer:
    """Auth, as far as sessions go: every new session has a token of its own."""

    def __init__(self, *, lifetime: int = 3600) -> None:
        self.lifetime = lifetime
        self.paths: list[str] = []
        self.bodies: list[object] = []
        self.refusal: httpx.Response | None = None
        self.rest_tokens: list[str] = []
        self.guest = True
        self.confirm = False
        self.expired: set[str] = set()
        self.clock_ahead = 0
        self._issued = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/auth/v1/")
        if path.startswith("/rest"):
            return self._rest(request.headers["authorization"])
        self.paths.append(path)
        self.bodies.append(json.loads(request.content or b"null"))
        return self.refusal or self._auth(path, request)

    def _rest(self, token: str) -> httpx.Response:
        self.rest_tokens.append(token)
        if token in self.expired:
            return httpx.Response(401, json={"code": "PGRST301", "message": "JWT expired"})
        return httpx.Response(200, json=[])

    def _auth(self, path: str, request: httpx.Request) -> httpx.Response:
        match path:
            case "signup":
                self.guest = "email" not in json.loads(request.content)
                return self._answer(self.user if self.confirm else self.session())
            case "verify":
                return self._answer(self.session())
            case "token":
                self.guest = self.guest and request.url.params["grant_type"] != "password"
                return self._answer(self.session())
            case "user":
                if request.headers["authorization"] in self.expired:
                    return httpx.Response(403, json={"error_code": "bad_jwt", "msg": "Expired."})
                self.guest = self.guest and request.method == "GET"
                return self._answer(self.user)
            case _:
                return httpx.Response(204)

    @staticmethod
    def _answer(body: object) -> httpx.Response:
        return httpx.Response(200, json=body)

    @property
    def user(self) -> dict[str, object]:
        return {
            "id": USER_ID, "aud": "authenticated", "app_metadata": {"role": "staff"},
            "user_metadata": {"role": "admin"}, "created_at": "2026-01-01T00:00:00Z",
            "email": "" if self.guest else "a@example.com", "is_anonymous": self.guest,
        }  # fmt: skip

    def session(self) -> dict[str, object]:
        self._issued += 1
        return {
            "access_token": f"token-{self._issued}", "refresh_token": f"refresh-{self._issued}",
            "token_type": "bearer", "expires_in": self.lifetime,
            "expires_at": int(time.time()) + self.clock_ahead + self.lifetime, "user": self.user,
        }  # fmt: skip


async def test_calls_are_made_as_whoever_is_signed_in(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        await shop.products.list()
        user = await shop.auth.sign_in(email="a@example.com", password=PASSWORD)
        await shop.products.list()
        remembered = shop.auth.user
        await shop.auth.sign_out()
        forgotten = shop.auth.user
        await shop.products.list()
    assert (remembered, forgotten) == (user, None)
    assert server.rest_tokens == ["Bearer key", "Bearer token-1", "Bearer key"]


async def test_staff_is_said_by_the_shop_and_not_by_the_user(shop_over: OpenShop) -> None:
    async with shop_over(AuthServer()) as shop:
        user = await shop.auth.sign_up(email="a@example.com", password=PASSWORD)
    assert user.is_staff
    assert (str(user.id), user.email, user.is_guest) == (USER_ID, "a@example.com", False)


async def test_nobody_is_signed_in_before_the_address_is_confirmed(shop_over: OpenShop) -> None:
    server = AuthServer()
    server.confirm = True
    async with shop_over(server) as shop:
        user = await shop.auth.sign_up(email="a@example.com", password=PASSWORD)
        assert str(user.id) == USER_ID
        assert shop.auth.user is None


async def test_a_guest_becomes_an_account_with_a_token_that_says_so(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        guest = await shop.auth.sign_in_as_guest()
        assert (guest.is_guest, guest.email) == (True, None)
        account = await shop.auth.become_account(email="a@example.com", password=PASSWORD)
        assert shop.auth.user == account
        await shop.products.list()
    assert (account.id, account.is_guest) == (guest.id, False)
    assert server.paths == ["signup", "user", "token"]
    assert server.rest_tokens == ["Bearer token-2"]


async def test_a_guest_does_not_sign_up_as_somebody_else(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        guest = await shop.auth.sign_in_as_guest()
        with pytest.raises(Conflict, match="become_account") as refusal:
            await shop.auth.sign_up(email="a@example.com", password=PASSWORD)
        assert shop.auth.user == guest
        await shop.auth.sign_out()
        assert (await shop.auth.sign_up(email="a@example.com", password=PASSWORD)).email
    assert (refusal.value.code, refusal.value.status) == ("guest_signed_in", None)
    assert server.paths == ["signup", "logout", "signup"]


async def test_a_guest_stays_the_same_guest(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        guest = await shop.auth.sign_in_as_guest()
        assert await shop.auth.sign_in_as_guest() == guest == shop.auth.user
    assert server.paths == ["signup", "user"]


@pytest.mark.parametrize(
    ("status", "code", "token"),
    [
        (403, "session_not_found", "token-2"),
        (403, "user_not_found", "token-2"),
        (401, None, "token-1"),  # about the key
        (503, None, "token-1"),
    ],
)
async def test_a_guest_is_followed_by_another_only_when_the_session_is_over(
    shop_over: OpenShop, status: int, code: str | None, token: str
) -> None:
    server = AuthServer()
    refusal = httpx.Response(status, json={"error_code": code, "msg": "No."})

    def answer(request: httpx.Request) -> httpx.Response:
        return refusal if request.url.path.endswith("/user") else server(request)

    async with shop_over(answer) as shop:
        await shop.auth.sign_in_as_guest()
        with suppress(OrderbaseError):
            await shop.auth.sign_in_as_guest()
        assert await shop.auth.token() == token


async def test_an_account_is_left_for_a_guest(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        await shop.auth.sign_in(email="a@example.com", password=PASSWORD)
        assert (await shop.auth.sign_in_as_guest()).is_guest
    assert server.paths == ["token", "signup"]


async def test_only_a_guest_becomes_an_account(shop_over: OpenShop) -> None:
    server = AuthServer()
    async with shop_over(server) as shop:
        with pytest.raises(AuthError) as nobody:
            await shop.auth.become_account(email="a@example.com", password=PASSWORD)
        await shop.auth.sign_in(email="a@example.com", password=PASSWORD)
        with pytest.raises(AuthError) as account:
            await shop.auth.become_account(email="b@example.com", password=PASSWORD)
    assert nobody.value.code == account.value.code == "not_a_guest"
    assert server.paths == ["token"]


async def test_an_old_token_is_refreshed_once_for_all(shop_over: OpenShop) -> None:
    server = AuthServer(lifetime=5)
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        server.lifetime = 3600
        await asyncio.gather(*(shop.products.list() for _ in range(20)))
    assert server.paths == ["signup", "token"]
    assert set(server.rest_tokens) == {"Bearer token-2"}


async def test_a_slow_clock_does_not_lock_anyone_out(shop_over: OpenShop) -> None:
    server = AuthServer()
    server.expired = {"Bearer token-1"}
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        await asyncio.gather(*(shop.products.list() for _ in range(5)))
        server.expired.add("Bearer token-2")
        server.expired.add("Bearer token-3")
        with pytest.raises(AuthError) as failure:
            await shop.products.list()
    assert failure.value.code == "session_expired"
    assert server.paths == ["signup", "token", "token"]


@pytest.mark.parametrize("ahead", [-7200, 7200])
async def test_the_servers_clock_does_not_say_when_to_refresh(
    shop_over: OpenShop, ahead: int
) -> None:
    server = AuthServer()
    server.clock_ahead = ahead
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        await shop.products.list()
        await shop.products.list()
    assert server.paths == ["signup"]


async def test_a_guest_whose_token_was_just_refreshed_becomes_an_account(
    shop_over: OpenShop,
) -> None:
    server = AuthServer(lifetime=5)
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        account = await shop.auth.become_account(email="a@example.com", password=PASSWORD)
    assert not account.is_guest
    assert server.paths == ["signup", "token", "user", "token"]
    assert server.bodies[-1] == {"refresh_token": "refresh-2"}


async def test_auth_too_may_find_a_token_expired(shop_over: OpenShop) -> None:
    server = AuthServer()
    server.expired = {"Bearer token-1"}
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        account = await shop.auth.become_account(email="a@example.com", password=PASSWORD)
    assert not account.is_guest


async def test_a_session_that_another_process_has_refreshed_is_taken_over(
    shop_over: OpenShop,
) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with (
        shop_over(server, storage=keeper) as first,
        AsyncExitStack() as later,
    ):
        await first.auth.sign_in_as_guest()
        second = await later.enter_async_context(shop_over(server, storage=keeper))
        server.lifetime = 3600
        assert [await shop.auth.token() for shop in (first, second)] == ["token-2"] * 2
    assert server.paths == ["signup", "token"]


async def test_a_storage_that_others_use_does_not_make_us_somebody_else(
    shop_over: OpenShop,
) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        user = await shop.auth.sign_in_as_guest()
        server.lifetime = 3600
        assert keeper.value is not None
        keeper.value = keeper.value.replace(USER_ID, USER_ID[:-1] + "b")
        keeper.value = keeper.value.replace("token-1", "stolen").replace("refresh-1", "other")
        keeper.value = re.sub(r'"expires_at":[\d.]+', '"expires_at":1e11', keeper.value)
        assert await shop.auth.token() == "token-2"
        assert shop.auth.user == user


async def test_a_session_that_another_process_has_refreshed_long_ago_is_refreshed(
    shop_over: OpenShop,
) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        await shop.auth.sign_in_as_guest()
        assert keeper.value is not None
        keeper.value = keeper.value.replace("token-1", "token-2").replace("refresh-1", "refresh-2")
        server.lifetime = 3600
        await asyncio.gather(*(shop.auth.token() for _ in range(5)))
    assert server.bodies[1:] == [{"refresh_token": "refresh-2"}]


async def test_a_session_that_is_over_leaves_the_one_that_another_process_keeps(
    shop_over: OpenShop,
) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        await shop.auth.sign_in_as_guest()
        assert keeper.value is not None
        other = keeper.value.replace(USER_ID, USER_ID[:-1] + "b").replace("refresh-1", "other")
        keeper.value = other
        server.refusal = _refusing(403, "session_not_found")(httpx.Request("GET", "http://x"))
        with pytest.raises(AuthError):
            await shop.auth.token()
        assert shop.auth.user is None
    assert keeper.value == other


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(401, json={"message": "Invalid API key"}),
        httpx.Response(401, text="<html>Sign in to the proxy</html>"),
        httpx.Response(500, json={"code": 500, "msg": "Database error granting user"}),
    ],
)
async def test_only_the_end_of_a_session_ends_it(
    shop_over: OpenShop, refusal: httpx.Response
) -> None:
    server, keeper = AuthServer(lifetime=25), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        user = await shop.auth.sign_in_as_guest()
        kept, server.refusal = keeper.value, refusal
        assert await shop.auth.token() == "token-1"
        with pytest.raises(OrderbaseError):
            await shop.auth.token(rejected="token-1")
        assert (shop.auth.user, keeper.value) == (user, kept)


async def test_a_storage_that_fails_loses_no_token(shop_over: OpenShop) -> None:
    class Full(Keeper):
        def set(self, value: str) -> None:
            raise OSError(f"No space left for {len(value)} letters")

    async with shop_over(AuthServer(), storage=Full()) as shop:
        with pytest.raises(OSError, match="No space left"):
            await shop.auth.sign_in_as_guest()
        assert await shop.auth.token() == "token-1"


async def test_listeners_hear_of_changes_until_they_leave() -> None:
    heard: list[None] = []
    transport = HandlerTransport(AuthServer())
    async with AsyncOrderbase("http://shop.test", "key", transport=transport) as shop:
        with shop.auth.on_change(lambda: heard.append(None)):
            await shop.auth.sign_in_as_guest()
        await shop.auth.sign_out()
    assert len(heard) == 1


def _refusing(status: int, code: str) -> Callable[[httpx.Request], httpx.Response]:
    body = {"code": status, "error_code": code, "msg": "No."}
    return lambda _: httpx.Response(status, json=body)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_credentials", AuthError),
        (400, "refresh_token_not_found", AuthError),
        (400, "email_address_invalid", InvalidRequest),
        (422, "user_already_exists", Conflict),
        (422, "email_exists", Conflict),
        (429, "over_request_rate_limit", RateLimited),
    ],
)
async def test_refusals_of_auth_join_the_tree(
    shop_over: OpenShop, status: int, code: str, kind: type[OrderbaseError]
) -> None:
    async with shop_over(_refusing(status, code)) as shop:
        with pytest.raises(kind) as failure:
            await shop.auth.sign_in(email="a@example.com", password=PASSWORD)
    assert type(failure.value) is kind
    assert (failure.value.code, failure.value.status) == (code, status)


@pytest.mark.parametrize(("email", "password"), [("", PASSWORD), ("a@example.com", "")])
async def test_missing_credentials_are_refused(
    shop_over: OpenShop, email: str, password: str
) -> None:
    async with shop_over(AuthServer()) as shop:
        for attempt in (shop.auth.sign_in, shop.auth.sign_up):
            with pytest.raises(InvalidRequest):
                await attempt(email=email, password=password)


async def test_auth_out_of_reach_is_a_failed_connection(shop_over: OpenShop) -> None:
    def lost(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with shop_over(lost) as shop:
        with pytest.raises(ConnectionFailed):
            await shop.auth.sign_in_as_guest()


class Keeper:
    """Keeps the session as another process would find it."""

    def __init__(self, value: str | None = None) -> None:
        self.value = value

    def get(self) -> str | None:
        return self.value

    def set(self, value: str) -> None:
        self.value = value

    def remove(self) -> None:
        self.value = None


async def test_a_later_process_is_still_signed_in(shop_over: OpenShop) -> None:
    server, keeper = AuthServer(), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        user = await shop.auth.sign_in_as_guest()
    async with shop_over(server, storage=keeper) as shop:
        assert shop.auth.user == user
        await shop.products.list()
        await shop.auth.sign_out()
    assert server.rest_tokens == ["Bearer token-1"]
    assert server.paths == ["signup", "logout"]
    assert keeper.value is None


@pytest.mark.parametrize("kept", ["", "{}", "[", '{"access_token": 1}'])
async def test_a_session_that_cannot_be_read_is_none(shop_over: OpenShop, kept: str) -> None:
    keeper = Keeper(kept)
    async with shop_over(AuthServer(), storage=keeper) as shop:
        assert shop.auth.user is None
    assert keeper.value is None


async def test_a_refreshed_session_is_kept(shop_over: OpenShop) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        await shop.auth.sign_in_as_guest()
        server.lifetime = 3600
        assert await shop.auth.token() == "token-2"
    assert keeper.value is not None
    assert "refresh-2" in keeper.value


async def test_someone_signs_in_with_a_code_from_a_mail(shop_over: OpenShop) -> None:
    server = AuthServer()
    server.guest = False
    async with shop_over(server) as shop:
        await shop.auth.send_code(email="a@example.com", create_account=False)
        user = await shop.auth.sign_in_with_code(email="a@example.com", code="123456")
        assert shop.auth.user == user
    assert server.paths == ["otp", "verify"]
    assert server.bodies == [
        {"email": "a@example.com", "create_user": False},
        {"type": "email", "email": "a@example.com", "token": "123456"},
    ]


async def test_a_session_that_is_over_signs_out(shop_over: OpenShop) -> None:
    server, keeper = AuthServer(lifetime=5), Keeper()
    async with shop_over(server, storage=keeper) as shop:
        await shop.auth.sign_in_as_guest()
        server.refusal = httpx.Response(
            400, json={"code": 400, "error_code": "refresh_token_not_found", "msg": "No."}
        )
        with pytest.raises(AuthError):
            await shop.products.list()
        assert shop.auth.user is None
        assert keeper.value is None


async def test_a_token_that_still_lasts_serves_while_auth_is_out_of_reach(
    shop_over: OpenShop,
) -> None:
    server = AuthServer(lifetime=25)
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        server.refusal = httpx.Response(503, json={})
        await shop.products.list()
        assert shop.auth.user is not None
    assert server.rest_tokens == ["Bearer token-1"]


async def test_a_refresh_does_not_bring_back_who_signed_out() -> None:
    server = AuthServer(lifetime=5)
    transport = HandlerTransport(server)
    async with AsyncOrderbase("http://shop.test", "key", transport=transport) as shop:
        await shop.auth.sign_in_as_guest()
        refreshing = asyncio.create_task(shop.auth.token())
        await asyncio.sleep(0)
        await shop.auth.sign_out()
        assert await refreshing is None
        assert shop.auth.user is None
    assert "token" in server.paths


async def test_whoever_gives_up_leaves_the_others_a_token() -> None:
    server = AuthServer(lifetime=5)
    transport = HandlerTransport(server)
    async with AsyncOrderbase("http://shop.test", "key", transport=transport) as shop:
        await shop.auth.sign_in_as_guest()
        server.lifetime = 3600
        hasty, patient = (asyncio.create_task(shop.auth.token()) for _ in range(2))
        await asyncio.sleep(0)
        hasty.cancel()
        assert await patient == "token-2"
    assert server.paths == ["signup", "token"]


def access_token(**claims: object) -> str:
    payload = json.dumps({"sub": USER_ID, "exp": int(time.time()) + 60, **claims}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"


async def test_a_shop_for_the_user_of_a_token(shop_over: OpenShop) -> None:
    server = AuthServer()
    token = access_token(email="b@example.com", is_anonymous=False, app_metadata={"role": "staff"})
    async with shop_over(server) as shop:
        await shop.auth.sign_in_as_guest()
        other = shop.as_user(token)
        assert other.auth.user is not None
        assert (str(other.auth.user.id), other.auth.user.is_staff) == (USER_ID, True)
        await other.products.list()
        await shop.products.list()
    assert server.rest_tokens == [f"Bearer {token}", "Bearer token-1"]


async def test_a_token_that_the_server_refuses_is_not_tried_twice(shop_over: OpenShop) -> None:
    server, token = AuthServer(), access_token()
    server.expired = {f"Bearer {token}"}
    async with shop_over(server) as shop:
        with pytest.raises(AuthError) as failure:
            await shop.as_user(token).products.list()
    assert failure.value.code == "session_expired"
    assert len(server.rest_tokens) == 1


async def test_a_session_is_nobody_elses(shop_over: OpenShop) -> None:
    server, keeper = AuthServer(), Keeper()
    async with shop_over(server) as shop:
        for storage in (keeper, None):
            visitor = shop.with_session(storage)
            assert visitor.auth.user is None
            await visitor.auth.sign_in_as_guest()
        assert shop.auth.user is None
        again = shop.with_session(keeper)
        assert again.auth.user is not None
        for caller in (shop, again):
            await caller.products.list()
    assert server.rest_tokens == ["Bearer key", "Bearer token-1"]


BAD_TOKENS = ["", "key", "a.b.c", access_token(sub="no one"), "e30.e30.x", access_token() + "\r\n"]


@pytest.mark.parametrize("token", BAD_TOKENS)
async def test_what_is_no_users_token_is_refused(shop_over: OpenShop, token: str) -> None:
    async with shop_over(AuthServer()) as shop:
        with pytest.raises(AuthError) as failure:
            shop.as_user(token)
    assert failure.value.code == "bad_jwt"


def test_what_is_shown_of_a_session_holds_no_tokens() -> None:
    answer = {
        "access_token": "secret",
        "refresh_token": "secret",
        "expires_in": 60,
        "user": {"id": str(uuid4())},
    }
    assert "secret" not in repr(read_session(json.dumps(answer).encode()))
    with pytest.raises(ValueError, match="user") as refusal:
        read_session(json.dumps({"access_token": "secret"}).encode())
    assert "secret" not in str(refusal.value)
