"""Stripe's endpoints: reads, and idempotent writes."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from local_stack.payments import errors
from local_stack.payments.commits import Commits
from local_stack.payments.errors import StripeError
from local_stack.payments.forms import Form, parse_form
from local_stack.payments.idempotency import IdempotencyKeys
from local_stack.payments.intents import Intents
from local_stack.payments.ledger import Document, encode
from local_stack.payments.lookup import Lookup
from local_stack.payments.parameters import (
    Cancel,
    Capture,
    Confirm,
    Create,
    CreatePaymentMethod,
    CreateRefund,
    Listing,
    ListingOfIntent,
    Parameters,
    Search,
    check,
)
from local_stack.payments.payment_methods import PaymentMethods
from local_stack.payments.refunds import Refunds
from local_stack.payments.replies import Reply
from local_stack.payments.strikes import hang, slow_down, struck

REQUEST_ID = web.RequestKey("request_id", str)
Model = TypeVar("Model", bound=Parameters)


class Endpoints:
    """What is done under `/v1`."""

    def __init__(
        self,
        commits: Commits,
        keys: IdempotencyKeys,
        lookup: Lookup,
        methods: PaymentMethods,
        intents: Intents,
        refunds: Refunds,
    ) -> None:
        self._commits = commits
        self._keys = keys
        self._lookup = lookup
        self._methods = methods
        self._intents = intents
        self._refunds = refunds

    def routes(self) -> list[web.RouteDef]:
        intents, lookup = self._intents, self._lookup
        one = "/v1/payment_intents/{id}"
        return [
            self._post("/v1/payment_intents", Create, lambda _, p: intents.create(p)),
            self._post(f"{one}/confirm", Confirm, intents.confirm),
            self._post(f"{one}/capture", Capture, intents.capture),
            self._post(f"{one}/cancel", Cancel, intents.cancel),
            self._post("/v1/refunds", CreateRefund, lambda _, p: self._refunds.create(p)),
            self._post(
                "/v1/payment_methods", CreatePaymentMethod, lambda _, p: self._methods.create(p)
            ),
            self._get("/v1/payment_intents/search", Search, lambda _, p: lookup.search(p)),
            self._readable("payment_method"),
            *self._listed("payment_intent", Listing),
            *self._listed("refund", ListingOfIntent),
            *self._listed("charge", ListingOfIntent),
            *self._listed("balance_transaction", Listing),
            *self._listed("event", Listing),
        ]

    def _listed(self, kind: str, listing: type[Listing]) -> list[web.RouteDef]:
        url = f"/v1/{kind}s"
        page = self._get(url, listing, lambda _, p: self._lookup.listing(kind, url, p))
        return [page, self._readable(kind)]

    def _readable(self, kind: str) -> web.RouteDef:
        url = f"/v1/{kind}s/{{id}}"
        return self._get(url, Parameters, lambda i, p: self._lookup.one(kind, i, p))

    def _get(
        self, path: str, model: type[Model], read: Callable[[str, Model], Document]
    ) -> web.RouteDef:
        async def handle(request: web.Request) -> web.Response:
            await slow_down(request)
            parameters = check(model, parse_form(request.rel_url.raw_query_string))
            body = encode(read(request.match_info.get("id", ""), parameters))
            return web.Response(text=body, content_type="application/json")

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
                await slow_down(request)
                reply = await self._commits.run(
                    lambda: self._execute(request, form, parameters, write)
                )
            if fault := struck(request, "charge_then_hang"):
                return await hang(request, fault)
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
        try:
            document = write(identifier, parameters)
            status, body = 200, self._lookup.expand(document, parameters.expand)
        except StripeError as refusal:
            status, body = refusal.status, refusal.body
        if struck(request, "charge_then_500"):
            status, body = 500, errors.internal().body
        reply = Reply(request[REQUEST_ID], status, encode(body))
        if key:
            self._keys.save(key, request.path, form, reply)
        return reply


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
