"""The command, as operators call it, and orders that need them."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from admin.__main__ import main
from local_stack.environment import SHOPPER
from local_stack.settings import REPOSITORY
from tests.conftest import Stack
from tests.products import product_maker

Row = dict[str, Any]
Result = subprocess.CompletedProcess[str]
ADDRESS = {
    "name": "Ada Secret",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


@dataclass
class Admin:
    """Calls `orderbase-admin` on one shop."""

    env_file: Path

    def run(self, *arguments: object) -> Result:
        """Any outcome; within this process, which spares most of the time."""
        given = ["--env-file", str(self.env_file), *map(str, arguments)]
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), ThreadPoolExecutor(1) as thread:
            code = thread.submit(_exit_code, given).result()
        return Result(given, code, out.getvalue(), err.getvalue())

    def spawn(self, *arguments: object, **environment: str) -> Result:
        """Any outcome, of a process of its own."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "admin", "--env-file", str(self.env_file), *map(str, arguments)],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def text(self, *arguments: object) -> str:
        """What is shown to people."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def json(self, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """What is shown to machines."""
        return json.loads(self.text(*arguments, "--json"))

    def refusal(self, *arguments: object, code: int = 1) -> str:
        """The one line that says why nothing was done."""
        result = self.run(*arguments)
        assert result.returncode == code, result.stdout + result.stderr
        (line,) = result.stderr.splitlines()
        assert line.startswith("orderbase-admin: ")
        return line.removeprefix("orderbase-admin: ")


def _exit_code(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture(scope="session")
def admin(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Admin:
    """The command, pointed at the running shop by what `make env` prints."""
    file = tmp_path_factory.mktemp("admin") / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in stack.environment.items()))
    return Admin(file)


@pytest.fixture
def owner(stack: Stack) -> Iterator[psycopg.Connection[Row]]:
    """The database's owner; every statement commits."""
    url = stack.settings.database_url()
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@dataclass
class Orders:
    """Orders of the demo shopper, each of one thing for 12.50 EUR."""

    owner: psycopg.Connection[Row]
    new_product: Callable[..., str]

    def place(self, *then: str) -> Row:
        """An order, and, before anybody can work on it, statements about `%(id)s`."""
        with self.owner.transaction():
            order = self._place()
            for statement in then:
                self.owner.execute(statement.encode(), {"id": order["id"]})
        return order

    def wait_for(self, order: Row, status: str, seconds: float = 60) -> None:
        """Until the order has the status."""
        deadline = time.monotonic() + seconds
        while (found := self.status(order)) != status:
            assert time.monotonic() < deadline, f"order is {found}, not {status}"
            time.sleep(0.02)

    def status(self, order: Row) -> str:
        row = self.owner.execute(
            "select status from public.orders where id = %s", (order["id"],)
        ).fetchone()
        assert row
        return str(row["status"])

    def _place(self) -> Row:
        self.owner.execute(
            "select set_config('request.jwt.claims', jsonb_build_object('sub', id, 'role',"
            " 'authenticated')::text, true) from auth.users where email = %s",
            (SHOPPER,),
        )
        self.owner.execute("set local role authenticated")
        order = self.owner.execute(
            "select * from public.place_order(items => %s, shipping_address => %s,"
            " payment_method => 'pm_card_visa', idempotency_key => %s)",
            (
                Jsonb([{"product_id": self.new_product(price=1250), "quantity": 1}]),
                Jsonb(ADDRESS),
                uuid.uuid4(),
            ),
        ).fetchone()
        self.owner.execute("reset role")
        self.owner.execute("select set_config('request.jwt.claims', '', true)")
        assert order
        return order


@pytest.fixture
def orders(stack: Stack, owner: psycopg.Connection[Row]) -> Orders:
    """Places orders."""
    return Orders(owner, product_maker(stack.settings))


@pytest.fixture
def completed(orders: Orders) -> Row:
    """An order that is paid, shipped and told of."""
    order = orders.place()
    orders.wait_for(order, "completed")
    return order
