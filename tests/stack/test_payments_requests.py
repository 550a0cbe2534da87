"""What the Stripe test double takes and refuses, and its idempotency keys."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe

from tests.stack.test_payments import API_KEY, Answer, Double, refusal, running


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    async with running(tmp_path / "ledger.db") as started:
        yield started


INVALID: list[tuple[dict[str, Any], str | None, str]] = [
    ({"amount": 0}, "parameter_invalid_integer", "amount"),
    ({"amount": "12.50"}, "parameter_invalid_integer", "amount"),
    ({"amount": "9" * 30}, "parameter_invalid_integer", "amount"),
    ({"amount": 100_000_000}, "amount_too_large", "amount"),
    ({"currency": "xxx"}, None, "currency"),
    ({"payment_method": "pm_card_unheard"}, "resource_missing", "payment_method"),
    ({"capture_method": "later"}, None, "capture_method"),
    ({"confirm": "yes"}, None, "confirm"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"metadata": {"a" * 41: "x"}}, None, "metadata[" + "a" * 41 + "]"),
    ({"metadata": {str(n): "x" for n in range(51)}}, None, "metadata"),
    ({"confirm": False, "off_session": True}, None, "off_session"),
    ({"expand": ["secrets"]}, None, "expand[0]"),
]


@pytest.mark.parametrize(("params", "code", "param"), INVALID)
async def test_invalid_parameters(
    double: Double, params: dict[str, Any], code: str | None, param: str
) -> None:
    error = await refusal(double.pay(**params))
    assert (error.http_status, error.code) == (400, code)
    assert (error.param, error.error.type) == (param, "invalid_request_error")
    assert error.user_message
    assert error.request_id.startswith("req_")
    assert (await double.client.payment_intents.list_async()).data == []


async def test_missing_parameters_and_objects(double: Double) -> None:
    intents = double.client.payment_intents
    error = await refusal(intents.create_async({"currency": "usd"}))
    assert (error.code, error.param) == ("parameter_missing", "amount")
    await refusal(double.pay(payment_method_types=[]), match="return_url")
    for identifier in ("pi_none", "pi_\N{SNOWMAN}"):
        error = await refusal(intents.retrieve_async(identifier))
        assert (error.http_status, error.code) == (404, "resource_missing")
    await refusal(double.client.customers.create_async(), match="Unrecognized request URL")


async def test_authentication_of_the_caller(double: Double) -> None:
    other = double.connect(api_key="sk_test_other")
    await refusal(other.payment_intents.list_async(), stripe.AuthenticationError)
    basic = aiohttp.encode_basic_auth(API_KEY, "")
    for value, expected in [("", 401), ("Basic !", 401), ("Bearer", 401), (basic, 200)]:
        headers = {"Authorization": value}
        status, _ = await double.request("GET", "/v1/payment_intents", headers=headers)
        assert status == expected


async def test_malformed_bodies(double: Double) -> None:
    form = "application/x-www-form-urlencoded"
    twice = [b"amount=1&amount=2", b"amount=1&amount[a]=2", b"amount[a]=1&amount=2"]
    deep = [b"a[b][c][d][e][f][g]=1", b"[]=1&[=2&]=3", b"&".join(b"a%d=1" % n for n in range(2000))]
    for body, content_type, expected in [
        *((body, form, 400) for body in [b"amount=%ff", b"\xff", *twice, *deep]),
        (b"a=" + b"x" * 200_000, form, 413),
        (b'{"amount": 1}', "application/json", 400),
    ]:
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": content_type}
        status, answer = await double.request(
            "POST", "/v1/payment_intents", data=body, headers=headers
        )
        assert (status, answer["error"]["type"]) == (expected, "invalid_request_error"), body


async def test_same_key_same_answer(double: Double) -> None:
    first = await double.pay(key="k1")
    second = await double.pay(key="k1")
    assert second.id == first.id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert second.last_response.request_id != first.last_response.request_id
    assert len((await double.ledger())["charges"]) == 1


async def test_same_key_other_request(double: Double) -> None:
    intent = await double.pay(key="k1")
    other = [double.pay(key="k1", amount=2000), double.refund("k1", payment_intent=intent.id)]
    for request, difference in zip(other, ("same parameters", "same endpoint"), strict=True):
        await refusal(request, stripe.IdempotencyError, match=difference)
    await refusal(double.pay(key="k" * 256), match="255")
    assert (await double.ledger())["balance"] == {"usd": 1999}


async def test_a_decline_is_replayed_but_no_validation_error(double: Double) -> None:
    first = await refusal(double.pay("pm_card_chargeDeclined", key="k1"), stripe.CardError)
    second = await refusal(double.pay("pm_card_chargeDeclined", key="k1"), stripe.CardError)
    assert first.http_body == second.http_body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await double.ledger())["charges"]) == 1
    await refusal(double.pay(key="k2", amount=0))
    assert (await double.pay(key="k2")).status == "succeeded"


async def test_a_key_is_new_again_after_a_day(double: Double) -> None:
    first = await double.pay(key="k1")
    double.now += 24 * 3600 - 1
    assert (await double.pay(key="k1")).id == first.id
    double.now += 1
    assert (await double.pay(key="k1", amount=5)).id != first.id
    assert (await double.ledger())["balance"] == {"usd": 2004}


async def test_a_key_in_flight_is_refused(double: Double) -> None:
    await double.fault("slow", delay_seconds=0.5)
    calls = [double.pay(key="k1") for _ in range(30)]
    answers: list[Answer] = await asyncio.gather(*calls, return_exceptions=True)
    refused: list[Answer] = [one for one in answers if isinstance(one, stripe.APIError)]
    assert {error.http_status for error in refused} == {409}
    assert [error.error.code for error in refused] == ["idempotency_key_in_use"] * 29
    assert len((await double.ledger())["charges"]) == 1


async def test_concurrent_callers_with_one_key_get_one_charge(double: Double) -> None:
    await double.fault("slow", delay_seconds=0.1, times=1)
    double.client = double.connect(retries=2)
    intents = await asyncio.gather(*(double.pay(key="k1") for _ in range(30)))
    assert len({intent.id for intent in intents}) == 1
    assert len((await double.ledger())["charges"]) == 1
