"""The whole back office, by looking at it: no part of it can escape these tests."""

import inspect
import json
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterable, Iterator
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, get_args
from uuid import uuid4

import httpx
import pytest

from orderbase import AsyncOrderbase, AuthError, Money, Orderbase, PermissionDenied, staff
from orderbase._blocking import Blocking
from orderbase._resource import Resource
from orderbase.staff._resource import StaffResource
from tests.sdk.conftest import Make, OpenShop
from tests.sdk.server import HandlerTransport
from tests.sdk.test_public_surface import _surface

NOW = datetime.now(UTC)
# An argument for each parameter without a default, by its name: a new one needs a line here.
ARGUMENTS: dict[str, object] = {
    "after": "0-0", "alarm_id": uuid4(), "amount": Money(1, "EUR"), "carrier": "dhl", "change": 1,
    "code": "out_of_stock", "content": b"x", "dead_letter_id": 1, "delivery_id": 1,
    "display_name": "Ada", "email_id": uuid4(), "endpoint_id": uuid4(), "first_day": date.min,
    "first_hour": NOW, "image_id": uuid4(), "job": "daily", "last_day": date.min,
    "last_hour": NOW, "message": "m", "name": "a.png", "note": "n", "order_id": uuid4(),
    "price": Money(1, "EUR"), "product": "cup", "product_id": uuid4(), "quantity": 1,
    "reason": "r", "run_id": uuid4(), "since": NOW, "slug": "cup", "tracking_number": "1",
    "upload_id": uuid4(), "url": "https://example.com", "user_id": uuid4(), "version": None,
}  # fmt: skip
BY_DEFAULT = {"images.upload": {"name": "a.png"}}


def token(**app_metadata: str) -> str:
    """An access token as a shop takes it, which no server would."""
    claims = {"sub": str(uuid4()), "exp": time.time() + 3600, "app_metadata": app_metadata}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


def parts(back_office: object, path: str = "") -> Iterator[tuple[str, object]]:
    """All parts, of either client, by their paths."""
    for name, value in vars(back_office).items():
        if not name.startswith("_") and isinstance(value, Resource | Blocking):
            yield f"{path}{name}", value
            yield from parts(value, f"{path}{name}.")


_URL, _KEY = "http://shop.test", "sb_publishable_x"
PARTS = dict(parts(AsyncOrderbase(_URL, _KEY).staff))
BLOCKING = dict(parts(Orderbase(_URL, _KEY).staff))
METHODS = [
    f"{path}.{name}"
    for path, part in PARTS.items()
    for name, member in vars(type(part)).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


def call(shop: AsyncOrderbase, method: str) -> Any:  # noqa: ANN401 - of any method
    """Call it with arguments that make sense."""
    found: Any = shop.staff
    for name in method.split("."):
        found = getattr(found, name)
    path, _, name = method.rpartition(".")
    parameters = inspect.signature(getattr(type(PARTS[path]), name)).parameters.values()
    given = {
        parameter.name: ARGUMENTS[parameter.name]
        for parameter in parameters
        if parameter.name != "self"
        and parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
    }
    return found(**given | BY_DEFAULT.get(method, {}))


async def outcome(called: Any) -> object:  # noqa: ANN401 - an awaitable, or a list to iterate over
    if isinstance(called, AsyncIterable):
        return [thing async for thing in called]
    return await called


def unreachable(_: httpx.Request) -> httpx.Response:
    pytest.fail("something was sent")


@pytest.mark.parametrize("method", METHODS)
async def test_a_shopper_is_refused(shop_over: OpenShop, method: str) -> None:
    async with shop_over(unreachable) as everybody:
        for shop in (everybody.as_user(token()), everybody.as_user(token(role="boss"))):
            with pytest.raises(PermissionDenied) as refusal:
                await outcome(call(shop, method))
            assert (refusal.value.code, refusal.value.status) == ("staff_only", 403)


@pytest.mark.parametrize("method", METHODS)
async def test_nobody_is_refused(make: Make, method: str) -> None:
    anon = urlsafe_b64encode(b'{"role":"anon"}').decode()
    for key in ("sb_publishable_x", f"e30.{anon}.signature"):
        async with make(_URL, key, transport=HandlerTransport(unreachable)) as shop:
            with pytest.raises(AuthError) as refusal:
                await outcome(call(shop, method))
            assert refusal.value.code == "sign_in_required"


@pytest.mark.parametrize("method", METHODS)
async def test_what_staff_ask_for_is_sent_as_they(shop_over: OpenShop, method: str) -> None:
    heard: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        heard.append(request.headers["authorization"])
        return httpx.Response(418, json={"code": "teapot", "message": "No."})

    works_here = token(role="staff")
    async with shop_over(handler) as shop:
        with pytest.raises(Exception, match="teapot"):
            await outcome(call(shop.as_user(works_here), method))
    assert heard == [f"Bearer {works_here}"]


async def test_a_secret_key_needs_nobody(make: Make) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[])

    for key in ("sb_secret_x", "key"):
        async with make(_URL, key, transport=HandlerTransport(handler)) as shop:
            assert await shop.staff.alarms.list() == []


def test_who_does_not_work_here_does_not_import_it() -> None:
    code = "import orderbase, sys; sys.exit('orderbase.staff' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def test_all_parts_are_the_staffs() -> None:
    assert {"orders", "stock", "images", "webhooks.deliveries"} <= set(PARTS)
    for part in PARTS.values():
        assert isinstance(part, StaffResource)


def test_both_clients_have_the_same_parts_with_the_same_surface() -> None:
    assert set(PARTS) == set(BLOCKING)
    for path, part in PARTS.items():
        assert _surface(type(BLOCKING[path])) == _surface(type(part)), path


def test_all_is_sorted_and_complete() -> None:
    assert staff.__all__ == sorted(staff.__all__)
    public = {
        name
        for name, value in vars(staff).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(staff.__all__)
    for part in (*PARTS.values(), *BLOCKING.values()):
        assert type(part).__name__ in staff.__all__


@pytest.mark.parametrize("name", staff.__all__)
def test_everything_public_is_explained(name: str) -> None:
    value = getattr(staff, name)
    if get_args(value):
        return  # a Literal, which says all
    assert value.__doc__
    for member_name, member in vars(value).items():
        described: Any = member.fget if isinstance(member, property) else member
        described = described.func if isinstance(described, cached_property) else described
        if inspect.isfunction(described) and not member_name.startswith("_"):
            assert described.__doc__, member_name


async def test_who_was_made_staff_meanwhile_may(shop_over: OpenShop) -> None:
    """The session says so when it is renewed, and it is looked at then."""
    renewed = token(role="staff")

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/v1/signup":
            return httpx.Response(200, json=session(token(), expires_in=1))
        if request.url.path == "/auth/v1/token":
            return httpx.Response(200, json=session(renewed, role="staff"))
        assert request.headers["authorization"] == f"Bearer {renewed}"
        return httpx.Response(200, json=[])

    async with shop_over(handler) as shop:
        await shop.auth.sign_in_as_guest()
        assert await shop.staff.alarms.list() == []


def session(access_token: str, expires_in: int = 3600, **app_metadata: str) -> dict[str, object]:
    """What Auth answers."""
    user = {"id": str(uuid4()), "is_anonymous": True, "app_metadata": app_metadata}
    return {
        "access_token": access_token,
        "refresh_token": "r",
        "expires_in": expires_in,
        "user": user,
    }
