"""What tests of the edge share: an API with settings of their own, and the database below it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psycopg
import pytest

from tests.api.calling import Person
from tests.api.conftest import serve, settings_of
from tests.conftest import Stack


@asynccontextmanager
async def edge(stack: Stack, **changed: object) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an API of its own, which takes no busy machine for an outage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("functions.api.product_cache._PATIENCE_SECONDS", 60)
        async with serve(settings_of(stack, **changed)) as client:
            yield client


def token_of(person: Person) -> dict[str, str]:
    """The header by which they are known."""
    return {"Authorization": f"Bearer {person.token}"}


def execute(stack: Stack, statement: str, *arguments: object) -> None:
    """As the owner of the tables; it commits."""
    with psycopg.connect(stack.settings.database_url(), autocommit=True) as connection:
        connection.execute(statement.encode(), arguments)
