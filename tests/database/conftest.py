"""A migrated database without any service: for the verbs, the ledgers and row-level security."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from local_stack.postgres.cluster import SUPERUSER
from local_stack.postgres.server import migrated
from local_stack.settings import Settings
from tests.products import product_maker

if TYPE_CHECKING:
    from tests.database.line import Line
    from tests.webhooks.shop import Hooks

Row = dict[str, Any]
ADDRESS = {
    "name": "Test Person",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


_LONGEST_TEST_SECONDS = 20
_IDLE: list[psycopg.Connection[Row]] = []


@pytest.fixture(scope="session")
def database() -> Iterator[Settings]:
    """All migrations and the seed, on a PostgreSQL of its own."""
    # While autovacuum's ANALYZE goes on, the feed would withhold what is committed meanwhile.
    with migrated(autovacuum="off") as settings:
        yield settings
        while _IDLE:
            _IDLE.pop().close()


@pytest.fixture(scope="session")
def owners_connection(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    url = database.database_url()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def owner(owners_connection: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
    """A connection as `postgres`, the role that migrates; every statement commits."""
    owners_connection.execute("reset all")
    return owners_connection


@pytest.fixture(scope="session")
def superuser(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    """Who writes what the extensions write; every statement commits."""
    url = database.database_url(SUPERUSER)
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
        """A transaction with the caller's role and claims, on a connection that is used again."""
        try:
            connection = _IDLE.pop()
        except IndexError:
            connection = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        try:
            with connection.transaction():
                connection.execute(
                    "select set_config('request.jwt.claims', %s, true),"
                    " set_config('role', %s, true)",
                    (json.dumps(self.claims), self.role),
                )
                yield connection
        finally:
            _IDLE.append(connection)

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


@pytest.fixture(scope="session")
def auth_admin(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    """Supabase Auth, which makes users; every statement commits."""
    url = database.database_url("supabase_auth_admin")
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def new_user(database: Settings, auth_admin: psycopg.Connection[Row]) -> Callable[..., Caller]:
    """Makes users: `new_user()`, `new_user(role="staff")`, `new_user(email=None)` for a guest."""

    def make(role: str | None = None, email: str | None = "") -> Caller:
        user_id = uuid.uuid4()
        address = f"{user_id}@example.com" if email == "" else email
        metadata = {"role": role} if role else {}
        auth_admin.execute(
            "insert into auth.users (id, email, is_anonymous, raw_app_meta_data)"
            " values (%s, %s, %s, %s)",
            (user_id, address, address is None, Jsonb(metadata)),
        )
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


_AFRESH = """
select pgmq.purge_queue(name) from private.queues;
delete from private.outbox;
delete from private.drains;
delete from private.attempts;
delete from public.job_runs;
update private.jobs set held_by = null, held_until = null, since = now();
delete from net.http_request_queue;
update private.dead_letters set resolution = 'given_up', resolved_at = clock_timestamp()
where resolution is null;
update public.alarms set cleared_at = clock_timestamp() where cleared_at is null;
update private.shop set language = default, staff_email = default, capture = default,
  time_to_confirm = default, quote_lifetime = default, time_zone = default;
"""


@pytest.fixture(autouse=True)
def afresh(owner: psycopg.Connection[Row]) -> None:
    """Each test sees only its own messages, dead letters and alarms, in a shop with no wishes."""
    owner.execute(_AFRESH.encode())


@pytest.fixture
def same_hour() -> None:
    """The hour, and so the day in the time zones of tests, does not end before the test does."""
    while (left := 3600 - time.time() % 3600) < _LONGEST_TEST_SECONDS:
        time.sleep(left)


@pytest.fixture(scope="session")
def functions_connection(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    """As the functions call the database; every statement commits."""
    from tests.database.line import connected  # noqa: PLC0415 - it needs what is above

    with connected(database.database_url(), "service_role", {"role": "service_role"}) as functions:
        yield functions


@pytest.fixture
def line(
    owner: psycopg.Connection[Row],
    functions_connection: psycopg.Connection[Row],
    shopper: Caller,
    new_user: Callable[..., Caller],
    new_product: Callable[..., str],
) -> "Line":
    """All who take part in an order."""
    from tests.database.line import Line  # noqa: PLC0415 - it needs what is above

    return Line(owner, functions_connection, shopper, new_user(role="staff"), new_product)


@pytest.fixture
def hooks(line: "Line") -> "Iterator[Hooks]":
    """Webhooks whose endpoints live as long as the test."""
    from tests.webhooks.shop import Hooks  # noqa: PLC0415 - it needs what is above

    hooks = Hooks(line)
    hooks.leave()
    yield hooks
    hooks.leave()


@pytest.fixture(autouse=True)
def balanced_books(owner: psycopg.Connection[Row], afresh: None) -> Iterator[None]:
    """After every test, each ledger sums to its balances, and fits the orders."""
    yield
    assert owner.execute("select engine.ledger_differences()").fetchall() == []
