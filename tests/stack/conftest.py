"""A real, empty PostgreSQL of the embedded stack, for the tests of single services."""

from collections.abc import Iterator

import pytest

from local_stack.ports import Ports
from local_stack.postgres.server import serve
from local_stack.settings import Settings


@pytest.fixture(scope="session")
def bare_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack of which only PostgreSQL runs: no migration, no other service."""
    settings = Settings.load(tmp_path_factory.mktemp("stack"), Ports.free(), durable=False)
    with serve(settings) as cluster:
        yield settings
    cluster.remove()
