"""The back office of the whole stack, of either client, and the database behind it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from orderbase import AsyncOrderbase
from orderbase.staff import AsyncStaff
from tests.admin.conftest import Orders
from tests.conftest import Stack
from tests.products import product_maker
from tests.sdk.conftest import OpenShop

Row = dict[str, Any]
Owner = psycopg.Connection[Row]


@pytest.fixture
async def back_office(open_shop: OpenShop, stack: Stack) -> AsyncIterator[AsyncOrderbase]:
    """A shop in which one of the staff is signed in."""
    environment = stack.environment
    async with open_shop(stack) as shop:
        await shop.auth.sign_in(
            email=environment["DEMO_STAFF_EMAIL"], password=environment["DEMO_PASSWORD"]
        )
        yield shop


@pytest.fixture
def staff(back_office: AsyncOrderbase) -> AsyncStaff:
    """What the staff may do."""
    return back_office.staff


@pytest.fixture
def owner(stack: Stack) -> Iterator[Owner]:
    """The database's owner; every statement commits."""
    url = stack.settings.database_url()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def orders(stack: Stack, owner: Owner) -> Orders:
    """Places orders that need an operator."""
    return Orders(owner, product_maker(stack.settings))
