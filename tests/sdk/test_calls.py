"""What is sent, how often, and how answers are read."""

import json
from traceback import format_exception
from typing import cast
from uuid import UUID

import httpx
import pytest

from orderbase import (
    Address,
    AsyncOrderbase,
    ConnectionFailed,
    InvalidRequest,
    Item,
    Money,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
)
from tests.sdk.conftest import Make, OpenShop
from tests.sdk.server import without_waiting
from tests.sdk.test_models import ORDER, PRODUCT, PRODUCT_ID

ADDRESS = Address(name="A", line1="B", city="C", postal_code="D", country="DE")
KEY = UUID("00000000-0000-4000-8000-00000000000f")


class Recorder:
    """Answers each request with the next of its answers, then for ever with the last."""

    def __init__(self, *answers: httpx.Response | httpx.HTTPError) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return answer

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def query(self) -> dict[str, str]:
        return dict(self.requests[-1].url.params)


def rows(*values: object) -> httpx.Response:
    return httpx.Response(200, json=list(values))


async def test_a_call_carries_the_key_and_goes_to_rest(shop_over: OpenShop) -> None:
    server = Recorder(rows(PRODUCT))
    async with shop_over(server) as shop:
        (product,) = await shop.products.list(search="cup or mug", limit=5)
    assert product.slug == "cup"
    request = server.requests[0]
    assert (request.method, request.url.host, request.url.path) == (
        "GET", "shop.test", "/rest/v1/products"
    )  # fmt: skip
    assert request.headers["apikey"] == "key"
    assert request.headers["authorization"] == "Bearer key"
    assert server.query["and"] == '(active.is.true,search.wfts(english)."cup or mug")'
    assert server.query["limit"] == "6"  # one more tells whether there is a next page


@pytest.mark.parametrize(
    ("asked", "column"), [(PRODUCT_ID, "id"), (str(PRODUCT_ID), "id"), ("cup&id=eq.1", "slug")]
)
async def test_a_product_is_found_by_id_or_slug(
    shop_over: OpenShop, asked: UUID | str, column: str
) -> None:
    server = Recorder(rows(PRODUCT))
    async with shop_over(server) as shop:
        await shop.products.get(asked)
    assert server.query[column] == f"eq.{asked}"
    # Nothing in a slug becomes a parameter of its own.
    assert set(server.query) == {"select", column}


async def test_no_row_is_not_found(shop_over: OpenShop) -> None:
    async with shop_over(Recorder(rows())) as shop:
        with pytest.raises(NotFound) as product:
            await shop.products.get("none")
        with pytest.raises(NotFound) as order:
            await shop.orders.get(KEY)
    assert (product.value.code, order.value.code) == ("product_not_found", "order_not_found")


@pytest.mark.parametrize("items", [[Item(PRODUCT_ID, 2)], {PRODUCT_ID: 2}, {str(PRODUCT_ID): 2}])
async def test_an_order_is_sent_as_the_verb_wants_it(shop_over: OpenShop, items: object) -> None:
    server = Recorder(httpx.Response(200, json=ORDER))
    async with shop_over(server) as shop:
        order = await shop.orders.place(
            items,  # type: ignore[arg-type]
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            idempotency_key=KEY,
            expected_total=Money(500, "EUR"),
            email="a@example.com",
        )
    assert order.total == Money(500, "EUR")
    assert server.requests[0].url.path == "/rest/v1/rpc/place_order"
    assert server.bodies == [
        {
            "items": [{"product_id": str(PRODUCT_ID), "quantity": 2}],
            "shipping_address": {
                "name": "A", "line1": "B", "city": "C", "postal_code": "D", "country": "DE"
            },
            "payment_method": "pm_card_visa",
            "idempotency_key": str(KEY),
            "currency": "EUR",
            "expected_total": 500,
            "email": "a@example.com",
        }
    ]  # fmt: skip


async def place(shop: AsyncOrderbase) -> None:
    await shop.orders.place(
        {PRODUCT_ID: 1}, shipping_address=ADDRESS, payment_method="pm_card_visa"
    )


async def test_every_order_gets_a_key_of_its_own(shop_over: OpenShop) -> None:
    server = Recorder(httpx.Response(200, json=ORDER))
    async with shop_over(server) as shop:
        await place(shop)
        await place(shop)
    keys = [body["idempotency_key"] for body in server.bodies]
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("closed"),
        httpx.Response(503, json={"message": "starting"}),
    ],
)
async def test_an_order_is_sent_again_under_the_same_key(
    shop_over: OpenShop,
    trouble: httpx.Response | httpx.HTTPError,
) -> None:
    server = Recorder(trouble, trouble, httpx.Response(200, json=ORDER))
    async with shop_over(server, retries=2, timeout=0.2) as shop:
        waits = without_waiting(shop)
        await place(shop)
    assert len({body["idempotency_key"] for body in server.bodies}) == 1
    assert len(server.requests) == 3
    assert 0 < waits[0] < waits[1] * 2 < 1


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ReadError("reset"), ConnectionFailed),
        (httpx.ReadTimeout("late"), TimedOut),
        (httpx.Response(503, json={}), ServerError),
    ],
)
async def test_when_all_attempts_fail_the_error_has_the_key(
    shop_over: OpenShop, trouble: httpx.Response | httpx.HTTPError, kind: type[ConnectionFailed]
) -> None:
    server = Recorder(trouble)
    async with shop_over(server, retries=2, timeout=0.2) as shop:
        without_waiting(shop)
        with pytest.raises(kind) as failure:
            await place(shop)
    assert len(server.requests) == 3
    assert str(failure.value.idempotency_key) == server.bodies[0]["idempotency_key"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
async def test_a_refusal_is_not_repeated(shop_over: OpenShop, status: int) -> None:
    server = Recorder(httpx.Response(status, json={"message": "no"}))
    async with shop_over(server, retries=2, timeout=0.2) as shop:
        with pytest.raises(Exception, match="no"):
            await place(shop)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("said", "attempts"), [("2", 2), ("3600", 1)])
async def test_a_rate_limit_is_waited_out_if_that_is_short(
    shop_over: OpenShop, said: str, attempts: int
) -> None:
    server = Recorder(httpx.Response(429, json={}, headers={"retry-after": said}))
    async with shop_over(server, retries=1) as shop:
        waits = without_waiting(shop)
        with pytest.raises(RateLimited):
            await shop.products.list()
    assert len(server.requests) == attempts
    assert waits == [2.0] * (attempts - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"{}",
        b"[{}]",
        b'[{"currency": "EUR", "price": 1}]',
        b"[1]",
        b"[[]]",
    ],
)
async def test_an_answer_of_another_shape_is_a_server_error(
    shop_over: OpenShop, body: bytes
) -> None:
    async with shop_over(Recorder(httpx.Response(200, content=body))) as shop:
        with pytest.raises(ServerError) as failure:
            await shop.products.list()
    assert failure.value.code == "unreadable_answer"


async def test_a_contradiction_is_not_even_sent(shop_over: OpenShop) -> None:
    server = Recorder(httpx.Response(200, json=ORDER))
    async with shop_over(server) as shop:
        with pytest.raises(ValueError, match="contradict"):
            await shop.orders.place(
                {PRODUCT_ID: 1},
                shipping_address=ADDRESS,
                payment_method="pm_card_visa",
                currency="USD",
                expected_total=Money(1, "EUR"),
            )
        with pytest.raises(InvalidRequest):
            await shop.orders.get("1; drop table orders")
    assert server.requests == []


async def test_an_amount_without_a_currency_is_not_sent(shop_over: OpenShop) -> None:
    server, amount = Recorder(httpx.Response(200, json=ORDER)), cast(Money, 1250)
    async with shop_over(server) as shop:
        with pytest.raises(TypeError, match="expected_total is Money, not int"):
            await shop.orders.place(
                {PRODUCT_ID: 1},
                shipping_address=ADDRESS,
                payment_method="pm_card_visa",
                expected_total=amount,
            )
        with pytest.raises(TypeError, match="amount is Money, not int"):
            await shop.staff.orders.refund(PRODUCT_ID, amount=amount, reason="A crack.")
    assert server.requests == []


@pytest.mark.parametrize(("url", "key"), [("", "k"), ("shop.test", "k"), ("http://shop.test", "")])
def test_a_shop_needs_an_address_and_a_key(url: str, key: str) -> None:
    with pytest.raises(ValueError, match="needs the http"):
        AsyncOrderbase(url, key)


async def test_the_deadline_holds_for_all_attempts_together(shop_over: OpenShop) -> None:
    server = Recorder(httpx.ReadTimeout("late"))
    async with shop_over(server, retries=1000, timeout=0.01, deadline=5) as shop:
        without_waiting(shop)
        with pytest.raises(TimedOut) as failure:
            await place(shop)
    assert 1 < len(server.requests) < 1000
    assert str(failure.value.idempotency_key) == server.bodies[0]["idempotency_key"]


async def test_what_has_no_key_is_not_sent_again(shop_over: OpenShop) -> None:
    server = Recorder(httpx.ReadError("reset"))
    async with shop_over(server, retries=2) as shop:
        without_waiting(shop)
        for attempt in (
            shop.auth.sign_up(email="a@example.com", password="secret-word"),  # noqa: S106
            shop.auth.sign_in_with_code(email="a@example.com", code="123456"),
            shop.auth.send_code(email="a@example.com"),
        ):
            with pytest.raises(ConnectionFailed):
                await attempt
    assert len(server.requests) == 3


async def test_a_number_that_is_none_is_an_answer_that_makes_no_sense(shop_over: OpenShop) -> None:
    async with shop_over(Recorder(rows({"xid": "1", "id": "one"}))) as shop:
        with pytest.raises(ServerError) as failure:
            await anext(shop.orders.watch(order_id=KEY))
    assert failure.value.code == "unreadable_answer"


async def test_events_that_row_security_hides_are_not_an_empty_list(shop_over: OpenShop) -> None:
    async with shop_over(Recorder(rows())) as shop:
        with pytest.raises(NotFound) as refusal:
            await shop.orders.events(KEY)
    assert refusal.value.code == "order_not_found"


async def test_a_payment_that_cannot_be_read_shows_no_secret(shop_over: OpenShop) -> None:
    server = Recorder(rows({"payments": [{"client_secret": "pi_1_secret_2"}]}))
    async with shop_over(server) as shop:
        with pytest.raises(ServerError) as failure:
            await shop.orders.payment(KEY)
    assert failure.value.code == "unreadable_answer"
    assert "pi_1_secret_2" not in "".join(format_exception(failure.value))


NO_SHOPS = [
    ("", "key"), ("ftp://shop", "key"), ("http://", "key"), ("http://a shop", "key"),
    ("http://shop:99999", "key"), ("http://[::1", "key"), ("http://shop?a=b", "key"),
    ("http://shop", ""), ("http://shop", "key\n"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "key"), NO_SHOPS)
def test_a_shop_has_an_address_and_a_key(make: Make, url: str, key: str) -> None:
    with pytest.raises(ValueError, match="needs the http"):
        make(url, key)
