"""What tests of the edge share: an API with settings of their own, and the database below it."""

from contextlib import AbstractAsyncContextManager

import aiohttp
import psycopg

from tests.api.calling import Person
from tests.api.conftest import serve, settings_of
from tests.conftest import Stack


def edge(stack: Stack, **changed: object) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
    """A client of an API of its own."""
    return serve(settings_of(stack, **changed))


def token_of(person: Person) -> dict[str, str]:
    """The header by which they are known."""
    return {"Authorization": f"Bearer {person.token}"}


def execute(stack: Stack, statement: str, *arguments: object) -> None:
    """As the owner of the tables; it commits."""
    with psycopg.connect(stack.settings.database_url(), autocommit=True) as connection:
        connection.execute(statement.encode(), arguments)
