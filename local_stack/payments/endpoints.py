"""The endpoints: reads, idempotent writes, and what tests may ask for beside Stripe's API."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from local_stack.payments import errors
from local_stack.payments.book import Book
from local_stack.payments.errors import StripeError
from local_stack.payments.faults import Faults
from local_stack.payments.idempotency import IdempotencyKeys
from local_stack.payments.intents import Intents
from local_stack.payments.ledger import Document, Ledger, Reply
from local_stack.payments.lookup import Lookup
from local_stack.payments.parameters import (
    Cancel,
    Capture,
    Confirm,
    Create,
    CreateRefund,
    Form,
    Listing,
    ListingOfIntent,
    Parameters,
    Search,
    check,
    parse_form,
)
from local_stack.payments.refunds import Refunds

_POLL_SECONDS = 0.05
REQUEST_ID = web.RequestKey("request_id", str)
Model = TypeVar("Model", bound=Parameters)


class Api:
    """The endpoints over one ledger."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float], *, webhooks: bool) -> None:
        book = Book(ledger, clock, webhooks=webhooks)
        self.faults = Faults()
        self._ledger = ledger
        self._keys = IdempotencyKeys(ledger, clock)
        self._intents = Intents(book)
        self._refunds = Refunds(book)
        self._lookup = Lookup(ledger)

    def routes(self) -> list[web.RouteDef]:
        """Every endpoint of the double."""
        intents, refunds, lookup = self._intents, self._refunds, self._lookup
        one = "/v1/payment_intents/{id}"
        return [
            self._post("/v1/payment_intents", Create, lambda _, p: intents.create(p)),
            self._post(f"{one}/confirm", Confirm, intents.confirm),
            self._post(f"{one}/capture", Capture, intents.capture),
            self._post(f"{one}/cancel", Cancel, intents.cancel),
            self._post("/v1/refunds", CreateRefund, lambda _, p: refunds.create(p)),
            self._get("/v1/payment_intents/search", Search, lambda _, p: lookup.search(p)),
            *self._readable("payment_intent", Listing),
            *self._readable("refund", ListingOfIntent),
            *self._readable("charge", ListingOfIntent),
            *self._readable("balance_transaction", Listing),
            *self._readable("event", Listing),
            web.get("/_ledger", self._show_ledger),
            web.get("/_faults", self._show_faults),
            web.put("/_faults", self._set_faults),
        ]

    def _readable(self, kind: str, listing: type[Listing]) -> list[web.RouteDef]:
        url = f"/v1/{kind}s"
        return [
            self._get(url, listing, lambda _, p: self._lookup.listing(kind, url, p)),
            self._get(f"{url}/{{id}}", Parameters, lambda i, p: self._lookup.one(kind, i, p)),
        ]

    def _get(
        self, path: str, model: type[Model], read: Callable[[str, Model], Document]
    ) -> web.RouteDef:
        async def handle(request: web.Request) -> web.Response:
            await self._slow_down(request.path)
            parameters = check(model, parse_form(request.rel_url.raw_query_string))
            return web.json_response(read(request.match_info.get("id", ""), parameters))

        return web.get(path, handle)

    def _post(
        self, path: str, model: type[Model], write: Callable[[str, Model], Document]
    ) -> web.RouteDef:
        async def handle(request: web.Request) -> web.StreamResponse:
            form = parse_form(await _body(request))
            key = request.headers.get("Idempotency-Key")
            if key is not None and (saved := self._keys.replay(key, request.path, form)):
                return _response(saved, {"Idempotent-Replayed": "true"})
            parameters = check(model, form)
            with self._keys.in_flight(key) if key else contextlib.nullcontext():
                await self._slow_down(request.path)
                reply = self._execute(request, form, parameters, write)
            if self.faults.strike("charge_then_hang", request.path):
                return await _hang(request, self.faults.delay_seconds)
            return _response(reply)

        return web.post(path, handle)

    def _execute(
        self,
        request: web.Request,
        form: Form,
        parameters: Model,
        write: Callable[[str, Model], Document],
    ) -> Reply:
        """Do it and keep the answer, in one transaction; a refusal is an answer too."""
        identifier = request.match_info.get("id", "")
        key = request.headers.get("Idempotency-Key")
        with self._ledger.transaction():
            try:
                document = write(identifier, parameters)
                status, body = 200, self._lookup.expand(document, parameters.expand)
            except StripeError as refusal:
                status, body = refusal.status, refusal.body
            if self.faults.strike("charge_then_500", request.path):
                status, body = 500, errors.internal().body
            reply = Reply(request[REQUEST_ID], status, json.dumps(body))
            if key:
                self._keys.save(key, request.path, form, reply)
        return reply

    async def _slow_down(self, path: str) -> None:
        if self.faults.strike("slow", path):
            await asyncio.sleep(self.faults.delay_seconds)

    async def _show_ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "charges": self._ledger.page("charge"),
                "refunds": self._ledger.page("refund"),
                "balance": self._ledger.balance(),
            }
        )

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self.faults.model_dump())

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults = Faults.model_validate_json(await request.read())
        except ValidationError as error:
            raise errors.invalid(f"Not a fault: {error.errors()[0]['msg']}") from error
        return await self._show_faults(request)


async def _body(request: web.Request) -> str:
    if request.can_read_body and request.content_type != "application/x-www-form-urlencoded":
        raise errors.invalid("Send parameters as application/x-www-form-urlencoded.")
    try:
        return (await request.read()).decode()
    except UnicodeDecodeError as error:
        raise errors.invalid("The request is not UTF-8.") from error


def _response(reply: Reply, headers: dict[str, str] | None = None) -> web.Response:
    # Stripe replays a 500 for as long as it knows the key: trying again is of no use.
    retry = {"Stripe-Should-Retry": "false"} if reply.status >= 500 else {}
    return web.Response(
        text=reply.body,
        status=reply.status,
        content_type="application/json",
        headers={"Original-Request": reply.request} | retry | (headers or {}),
    )


async def _hang(request: web.Request, seconds: float) -> web.StreamResponse:
    """Leave the caller waiting until it goes, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and request.transport:  # noqa: ASYNC110 - aiohttp tells no event
        await asyncio.sleep(_POLL_SECONDS)
    return drop(request)


def drop(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()
