"""The API keeps what its document promises, whatever Schemathesis makes up for each operation.

SCHEMATHESIS_EXAMPLES sets how much that is: so many requests for each operation in the last phase.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from local_stack.testing import running_stack
from tests.api.conftest import serve, settings_of, sign_in
from tests.conftest import Stack

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "5")


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack of its own: as staff, it takes the demo shop's products off sale."""
    with running_stack(without=("functions",)) as settings:
        yield Stack(settings)


@pytest.fixture(scope="module")
async def own_client(own_stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve(settings_of(own_stack)) as client:
        yield client


async def headers_of(stack: Stack, who: str | None) -> list[str]:
    if who is None:
        return []
    environment = stack.environment
    email, password = environment[f"DEMO_{who}_EMAIL"], environment["DEMO_PASSWORD"]
    return [f"--header=Authorization: Bearer {await sign_in(stack, email, password)}"]


@pytest.mark.parametrize("who", [None, "SHOPPER", "STAFF"], ids=["nobody", "shopper", "staff"])
async def test_every_operation_keeps_the_contract(
    own_stack: Stack, own_client: aiohttp.ClientSession, tmp_path: Path, who: str | None
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"),
        f"{own_client._base_url}/openapi.json",
        *await headers_of(own_stack, who),
        *("--checks=all", "--phases=examples,coverage,fuzzing", "--generation-deterministic"),
        *(f"--max-examples={EXAMPLES}", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert " generated, " in output.decode()
