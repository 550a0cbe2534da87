"""The stack as a library for tests."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import psycopg

from local_stack.ports import HOST, Ports
from local_stack.settings import Settings
from local_stack.testing import databases, running_stack


def product_names(settings: Settings) -> bytes:
    request = Request(  # noqa: S310 - our own address
        f"{settings.api_url}/rest/v1/products?select=name",
        headers={"apikey": settings.keys.publishable_key},
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
        content: bytes = answer.read()
    return content


def test_several_stacks_run_side_by_side() -> None:
    def visit(_: int) -> tuple[str, bytes]:
        with running_stack() as settings:
            return settings.api_url, product_names(settings)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(visit, range(2))
    assert first[0] != second[0]
    assert first[1] == second[1]
    assert b"Teapot" in first[1] or b"teapot" in first[1]


def test_processes_that_look_for_ports_at_once_get_different_ones() -> None:
    look = "from local_stack.ports import Ports; print(Ports.free().api)"
    searches = [
        subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE)  # noqa: S603 - ours
        for _ in range(8)
    ]
    found = {search.communicate()[0] for search in searches}
    assert len(found) == len(searches)


def test_free_ports_pass_over_a_busy_block() -> None:
    step = Ports.free().api + 10
    with socket.create_server((HOST, step + 3)):
        assert all(step not in Ports.free().__dict__.values() for _ in range(2))


def test_each_test_has_a_database_of_its_own() -> None:
    count = "select count(*) from public.products"
    with databases() as server, server.clone() as one, server.clone() as other:
        with psycopg.connect(one, autocommit=True) as connection:
            connection.execute("delete from public.product_prices")
            assert connection.execute(count).fetchone() == (24,)
            assert connection.execute("select current_user").fetchone() == ("postgres",)
        with psycopg.connect(other) as connection:
            left = connection.execute("select count(*) from public.product_prices").fetchone()
            assert left
            assert left[0] > 0
