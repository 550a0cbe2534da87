"""What is sent, how often, and how answers are read."""

import json
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
from tests.sdk.server import Handler, shop_over, without_waiting
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


async def test_a_call_carries_the_key_and_goes_to_rest() -> None:
    server = Recorder(rows(PRODUCT))
    async with shop_over(server) as shop:
        (product,) = await shop.products.list(search="cup or mug", limit=5, offset=10)
    assert product.slug == "cup"
    request = server.requests[0]
    assert (request.method, request.url.host, request.url.path) == (
        "GET", "shop.test", "/rest/v1/products"
    )  # fmt: skip
    assert request.headers["apikey"] == "key"
    assert request.headers["authorization"] == "Bearer key"
    assert server.query["search"] == "wfts(english).cup or mug"
    assert (server.query["limit"], server.query["offset"]) == ("5", "10")


@pytest.mark.parametrize(
    ("asked", "column"), [(PRODUCT_ID, "id"), (str(PRODUCT_ID), "id"), ("cup&id=eq.1", "slug")]
)
async def test_a_product_is_found_by_id_or_slug(asked: UUID | str, column: str) -> None:
    server = Recorder(rows(PRODUCT))
    async with shop_over(server) as shop:
        await shop.products.get(asked)
    assert server.query[column] == f"eq.{asked}"
    assert len(server.query) == 2  # nothing in a slug becomes a parameter of its own


async def test_no_row_is_not_found() -> None:
    async with shop_over(Recorder(rows())) as shop:
        with pytest.raises(NotFound) as product:
            await shop.products.get("none")
        with pytest.raises(NotFound) as order:
            await shop.orders.get(KEY)
    assert (product.value.code, order.value.code) == ("product_not_found", "order_not_found")


@pytest.mark.parametrize("items", [[Item(PRODUCT_ID, 2)], {PRODUCT_ID: 2}, {str(PRODUCT_ID): 2}])
async def test_an_order_is_sent_as_the_verb_wants_it(items: object) -> None:
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


async def test_every_order_gets_a_key_of_its_own() -> None:
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
    trouble: httpx.Response | httpx.HTTPError,
) -> None:
    server = Recorder(trouble, trouble, httpx.Response(200, json=ORDER))
    async with shop_over(server, retries=2) as shop:
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
    trouble: httpx.Response | httpx.HTTPError, kind: type[ConnectionFailed]
) -> None:
    server = Recorder(trouble)
    async with shop_over(server, retries=2) as shop:
        without_waiting(shop)
        with pytest.raises(kind) as failure:
            await place(shop)
    assert len(server.requests) == 3
    assert str(failure.value.idempotency_key) == server.bodies[0]["idempotency_key"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
async def test_a_refusal_is_not_repeated(status: int) -> None:
    server = Recorder(httpx.Response(status, json={"message": "no"}))
    async with shop_over(server, retries=2) as shop:
        with pytest.raises(Exception, match="no"):
            await place(shop)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("said", "attempts"), [("2", 2), ("3600", 1)])
async def test_a_rate_limit_is_waited_out_if_that_is_short(said: str, attempts: int) -> None:
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
async def test_an_answer_of_another_shape_is_a_server_error(body: bytes) -> None:
    async with shop_over(Recorder(httpx.Response(200, content=body))) as shop:
        with pytest.raises(ServerError) as failure:
            await shop.products.list()
    assert failure.value.code == "unreadable_answer"


async def test_the_next_page_starts_after_the_last_order() -> None:
    server = Recorder(rows({**ORDER, "items": []}))
    async with shop_over(server) as shop:
        (order,) = await shop.orders.list()
        assert "or" not in server.query
        await shop.orders.list(before=order, limit=3)
    at = '"2026-01-02T03:04:05.678901+00:00"'
    assert server.query["or"] == f"(created_at.lt.{at},and(created_at.eq.{at},id.lt.{PRODUCT_ID}))"
    assert server.query["order"] == "created_at.desc,id.desc"
    assert "items:order_items(product:products(" in server.query["select"]


async def test_a_contradiction_is_not_even_sent() -> None:
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


@pytest.mark.parametrize(("url", "key"), [("", "k"), ("shop.test", "k"), ("http://shop.test", "")])
def test_a_shop_needs_an_address_and_a_key(url: str, key: str) -> None:
    with pytest.raises(ValueError, match="needs the http"):
        AsyncOrderbase(url, key)


async def test_a_client_of_ones_own_stays_open() -> None:
    handler: Handler = Recorder(rows())
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        async with AsyncOrderbase("http://shop.test", "key", http=http) as shop:
            await shop.products.list()
        assert not http.is_closed
