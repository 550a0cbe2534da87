"""What tests and demos may ask for beside Stripe's API: paths that begin with an underscore."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from local_stack.payments import errors, faults
from local_stack.payments.authentication import Answer
from local_stack.payments.clock import Clock, ClockSettings
from local_stack.payments.commits import Commits
from local_stack.payments.errors import StripeError
from local_stack.payments.faults import Fault
from local_stack.payments.intents import Intents
from local_stack.payments.ledger import Document
from local_stack.payments.statement import Statement
from local_stack.payments.timetable import Timetable

Value = TypeVar("Value")
# A demo page of another origin may answer for the shopper.
_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Allow-Methods": "POST",
}


class Controls:
    """The ledger to read, the faults and the clock to set, the bank's question to answer."""

    def __init__(
        self,
        statement: Statement,
        intents: Intents,
        commits: Commits,
        clock: Clock,
        timetable: Timetable,
    ) -> None:
        self.faults: list[Fault] = []
        self._statement = statement
        self._intents = intents
        self._commits = commits
        self._clock = clock
        self._timetable = timetable

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_ledger", self._show_ledger),
            web.get("/_faults", self._show_faults),
            web.put("/_faults", self._set_faults),
            web.get("/_clock", self._show_clock),
            web.put("/_clock", self._set_clock),
            web.post("/_authenticate/{id}", self._authenticate),
            web.options("/_authenticate/{id}", self._allow),
        ]

    async def _show_ledger(self, request: web.Request) -> web.Response:
        await self._timetable.keep()
        order = request.query.get("order_id")
        return web.json_response(
            self._statement.of_all() if order is None else self._statement.of_order(order)
        )

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response([fault.model_dump() for fault in self.faults])

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = _valid(faults.read, await request.read(), "faults")
        return await self._show_faults(request)

    async def _show_clock(self, _request: web.Request) -> web.Response:
        settings = self._clock.settings.model_dump()
        return web.json_response(settings | {"now": int(self._clock())})

    async def _set_clock(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._clock.settings = _valid(ClockSettings.model_validate_json, body, "a clock")
        await self._timetable.keep()
        return await self._show_clock(request)

    async def _authenticate(self, request: web.Request) -> web.Response:
        try:
            intent = await self._answer(request)
        except StripeError as error:
            return web.json_response(error.body, status=error.status, headers=_ANY_ORIGIN)
        return web.json_response(intent, headers=_ANY_ORIGIN)

    async def _answer(self, request: web.Request) -> Document:
        answer = _valid(Answer.model_validate_json, await request.read(), "an answer")
        identifier = request.match_info["id"]
        return await self._commits.run(lambda: self._intents.authenticate(identifier, answer))

    async def _allow(self, _request: web.Request) -> web.Response:
        return web.Response(status=204, headers=_ANY_ORIGIN)


def _valid(read: Callable[[bytes], Value], body: bytes, noun: str) -> Value:
    try:
        return read(body)
    except ValidationError as error:
        raise errors.invalid(f"Not {noun}: {error.errors()[0]['msg']}") from error
