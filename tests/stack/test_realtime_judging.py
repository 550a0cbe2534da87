"""Policies and filters that are slow or fail, and what the others notice of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from local_stack.settings import Settings
from tests.stack.realtime_kit import Table, connect, plain_client, serve, token

ALICE = str(uuid.uuid4())


@pytest_asyncio.fixture(scope="module")
async def url(bare_settings: Settings) -> AsyncIterator[str]:
    async with serve(bare_settings) as address:
        yield address


@pytest.fixture(scope="module")
def db(bare_settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(bare_settings) as connection:
        yield connection


@pytest.fixture
def notes(db: psycopg.Connection) -> Table:
    return Table.create(db, "id int primary key, user_id uuid, body text")


async def test_a_slow_policy_is_told_and_holds_the_others_up_for_a_moment_only(
    url: str, bare_settings: Settings, db: psycopg.Connection, notes: Table
) -> None:
    slow = Table.create(db, "id int primary key, user_id uuid")
    slow.run("alter policy own on TABLE using (pg_sleep(60) is not null)")
    async with plain_client(url, bare_settings) as client:
        user = token(bare_settings, ALICE)
        await client.listen("slow", slow.entry(), access_token=user)
        await client.listen("quick", notes.entry(), access_token=user)
        slow.run("insert into TABLE select n from generate_series(1, 300) as n")
        notes.run("insert into TABLE values (1, %s, 'a')", ALICE)
        async with asyncio.timeout(8):
            told = await client.until("system")
            assert told["message"].endswith("took too long: changes may have been missed")
            assert (await client.change())["record"]["id"] == 1


async def test_a_filter_that_takes_too_long_ends_its_own_subscription(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    table = Table.create(db, "id int primary key, body text", rls=False)
    async with plain_client(url, bare_settings) as client:
        await client.listen("slow", table.entry(filter=r"body=match.(.+)(.+)(.+)\3\2\1y"))
        await client.listen("quick", table.entry(filter="body=like.x%"))
        table.run("insert into TABLE values (1, repeat('xy', 1000))")
        told = await client.until("system")
        assert told["message"].startswith("The filter body=match")
        assert (await client.receive())["topic"] == "realtime:quick"
        table.run("insert into TABLE values (2, repeat('xy', 1000))")
        assert (await client.receive())["topic"] == "realtime:quick"
        assert await client.is_silent()


async def test_a_policy_that_fails_for_one_row_does_not_hide_the_others(
    url: str, bare_settings: Settings, notes: Table
) -> None:
    notes.run("alter policy own on TABLE using (1 / (id - 2) is not null)")
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", notes.entry(), access_token=token(bare_settings, ALICE))
        notes.run("insert into TABLE select n from generate_series(1, 3) as n")
        assert [(await client.change())["record"]["id"] for _ in range(2)] == [1, 3]


async def test_keys_of_several_columns_and_types_are_found(
    url: str, bare_settings: Settings, db: psycopg.Connection
) -> None:
    columns = "a timestamptz, b numeric(6,2), c text, user_id uuid, primary key (a, b, c)"
    table = Table.create(db, columns)
    async with plain_client(url, bare_settings) as client:
        await client.listen("room", table.entry(), access_token=token(bare_settings, ALICE))
        table.run("insert into TABLE values (now(), 1.50, 'it''s \"x\"', %s)", ALICE)
        assert (await client.change())["record"]["c"] == 'it\'s "x"'
