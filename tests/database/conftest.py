"""A migrated database without any service: for the verbs, the ledgers and row-level security."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from local_stack.postgres.server import migrated
from local_stack.settings import Settings
from tests.products import product_maker

Row = dict[str, Any]
ADDRESS = {
    "name": "Test Person",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


@pytest.fixture(scope="session")
def database() -> Iterator[Settings]:
    """All migrations and the seed, on a PostgreSQL of its own."""
    with migrated() as settings:
        yield settings


@pytest.fixture
def owner(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    """A connection as `postgres`, the role that migrates; every statement commits."""
    url = database.database_url()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


class RefusedError(Exception):
    """A verb said no: the HTTP status and the stable code that REST would show."""

    def __init__(self, error: psycopg.Error) -> None:
        state = error.sqlstate or ""
        super().__init__(error.diag.message_primary)
        self.status = int(state[2:]) if state.startswith("PT") else state
        self.code = error.diag.message_detail
        self.context = json.loads(error.diag.message_hint or "null")


@dataclass
class Caller:
    """Somebody who calls the database as PostgREST would let them."""

    url: str
    role: str
    claims: Row

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Row]]:
        """A transaction with the caller's role and claims."""
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)", (json.dumps(self.claims),)
            )
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self.role)))
            yield connection

    def query(self, text: str, *arguments: object) -> list[Row]:
        """Rows of a statement."""
        with self.connection() as connection:
            cursor = connection.execute(text.encode(), arguments)
            return cursor.fetchall() if cursor.description else []

    def call(self, verb: str, **arguments: object) -> list[Row]:
        """Rows of a function call with named arguments.

        Raises:
            RefusedError: the function raised.
        """
        named = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in arguments
        )
        query = sql.SQL("select * from {}({})").format(sql.Identifier(*verb.split(".")), named)
        values = {
            name: Jsonb(value) if isinstance(value, dict | list) else value
            for name, value in arguments.items()
        }
        try:
            with self.connection() as connection:
                return connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            raise RefusedError(error) from error

    def place(self, items: object, **changed: object) -> Row:
        """An order of these items, with a card that works unless said otherwise."""
        request: Row = {
            "items": items,
            "shipping_address": ADDRESS,
            "payment_method": "pm_card_visa",
            "idempotency_key": uuid.uuid4(),
        }
        return self.call("public.place_order", **(request | changed))[0]

    @property
    def id(self) -> uuid.UUID:
        """The user's id."""
        return uuid.UUID(self.claims["sub"])


@pytest.fixture
def new_user(database: Settings, owner: psycopg.Connection[Row]) -> Callable[..., Caller]:
    """Makes users: `new_user()`, `new_user(role="staff")`, `new_user(email=None)` for a guest."""

    def make(role: str | None = None, email: str | None = "") -> Caller:
        user_id = uuid.uuid4()
        address = f"{user_id}@example.com" if email == "" else email
        with psycopg.connect(database.database_url("supabase_auth_admin")) as connection:
            connection.execute(
                "insert into auth.users (id, email, is_anonymous) values (%s, %s, %s)",
                (user_id, address, address is None),
            )
        metadata = {"role": role} if role else {}
        claims = {"sub": str(user_id), "role": "authenticated", "app_metadata": metadata}
        return Caller(database.database_url(), "authenticated", claims)

    return make


@pytest.fixture
def shopper(new_user: Callable[..., Caller]) -> Caller:
    """A signed-in shopper."""
    return new_user()


@pytest.fixture
def engine(database: Settings) -> Caller:
    """The functions, with the service role."""
    return Caller(database.database_url(), "service_role", {"role": "service_role"})


@pytest.fixture
def new_product(database: Settings) -> Callable[..., str]:
    """Makes products with so many in stock; returns their ids."""
    return product_maker(database)


@pytest.fixture(autouse=True)
def balanced_books(database: Settings) -> Iterator[None]:
    """After every test, each ledger sums to its balances."""
    yield
    with psycopg.connect(database.database_url(), row_factory=dict_row) as connection:
        wrong = connection.execute(
            """
            select stock.product_id from public.inventory as stock
            left join public.stock_movements as moved using (product_id)
            group by stock.product_id
            having stock.on_hand <> coalesce(sum(moved.on_hand_change), 0)
              or stock.reserved <> coalesce(sum(moved.reserved_change), 0)
            """
        ).fetchall()
        assert wrong == []
        wrong = connection.execute(
            """
            select payment.id from public.payments as payment
            left join public.payment_entries as entry on entry.payment_id = payment.id
            group by payment.id
            having payment.captured <> coalesce(sum(entry.amount) filter (where kind = 'charge'), 0)
              or payment.refunded <> coalesce(sum(entry.amount) filter (where kind = 'refund'), 0)
            """
        ).fetchall()
        assert wrong == []
