"""The shop as shoppers and staff see it, over plain HTTP, and its database for what tests do."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psycopg
from psycopg.rows import dict_row

from local_stack.environment import STAFF
from local_stack.settings import Settings
from tests.chaos.courier import UNREACHABLE

Row = dict[str, Any]

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
UNREACHABLE_ADDRESS = ADDRESS | {"name": UNREACHABLE}
_PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_PAUSE = 0.2
_BUSY = (429, 500, 502, 503, 504)


class Refused(Exception):  # noqa: N818 - says what happened
    """The shop said no."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        # PostgREST has no code for it when Postgres crashes during the call.
        self.may_pass = status in _BUSY or '"code":""' in body


class Shop:
    """One stack, spoken to with any user's token."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.settings = settings
        self._http = http

    async def sign_up(self) -> str:
        """A new shopper's token."""
        body = {"email": f"{uuid.uuid4().hex}@example.com", "password": _PASSWORD}
        return str((await self._post("/auth/v1/signup", body))["access_token"])

    async def staff(self) -> str:
        """A token of the shop's staff."""
        body = {"email": STAFF, "password": self.settings.keys.demo_password}
        answer = await self._post("/auth/v1/token?grant_type=password", body)
        return str(answer["access_token"])

    async def call(self, token: str, verb: str, **arguments: object) -> Row:
        """Run a verb once.

        Raises:
            Refused: with the status of the answer.
            aiohttp.ClientError: there was no answer.
            TimeoutError: likewise.
        """
        return await self._post(f"/rest/v1/rpc/{verb}", arguments, token)

    async def insist(self, token: str, verb: str, **arguments: object) -> Row:
        """Run a verb until there is an answer: the same call again and again.

        Raises:
            Refused: with the status of the answer.
        """
        pause = 0.05
        while True:
            try:
                return await self.call(token, verb, **arguments)
            except Refused as error:
                if not error.may_pass:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def get(self, url: str) -> Any:  # noqa: ANN401 - JSON
        """What one of the stack's doubles says."""
        async with self._http.get(url) as answer:
            return await answer.json()

    async def set_faults(self, *faults: Row) -> None:
        """Have the payment provider fail so, or, without any, work again."""
        url = f"{self.settings.payments_url}/_faults"
        async with self._http.put(url, json=list(faults) or {"mode": "none"}) as answer:
            assert answer.ok, await answer.text()

    async def authenticate(self, intent: str, outcome: str) -> None:
        """Do what the bank asks the shopper for."""
        url = f"{self.settings.payments_url}/_authenticate/{intent}"
        async with self._http.post(url, json={"outcome": outcome}) as answer:
            if not answer.ok:
                raise Refused(answer.status, await answer.text())

    async def _post(self, path: str, body: object, token: str | None = None) -> Row:
        key = self.settings.keys.publishable_key
        headers = {"apikey": key, "Authorization": f"Bearer {token or key}"}
        async with self._http.post(
            self.settings.api_url + path, json=body, headers=headers
        ) as answer:
            if answer.status >= 300:
                raise Refused(answer.status, await answer.text())
            row: Row = await answer.json()
            return row


def order_request(product: str, **changed: object) -> Row:
    """Arguments of `place_order`: one of a product, with a card that works unless it is changed."""
    request: Row = {
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
    }
    return request | changed


@asynccontextmanager
async def shop_of(settings: Settings) -> AsyncIterator[Shop]:
    """The shop of a stack, as long as the context is open."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as http:
        yield Shop(settings, http)


class Sql:
    """The database, as its owner: a connection for each call, and again if it crashes meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url()

    async def rows(self, statement: str, *values: object) -> list[Row]:
        """Run a statement that returns rows."""
        while True:
            try:
                return await self._rows(statement, values)
            except psycopg.OperationalError:
                await asyncio.sleep(_PAUSE)

    async def run(self, *statements: str) -> None:
        """Run statements, each by itself; what they return is dropped."""
        while True:
            try:
                return await self._run(statements)
            except psycopg.OperationalError:
                await asyncio.sleep(_PAUSE)

    async def value(self, statement: str, *values: object) -> Any:  # noqa: ANN401 - any type
        """The only column of the only row."""
        (row,) = await self.rows(statement, *values)
        (value,) = row.values()
        return value

    async def _rows(self, statement: str, values: Sequence[object]) -> list[Row]:
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=dict_row
        ) as connection:
            cursor = await connection.execute(statement.encode(), values or None)
            return await cursor.fetchall()

    async def _run(self, statements: Sequence[str]) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(statement.encode())
