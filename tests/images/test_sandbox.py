"""Decoding in processes of its own: whatever an upload does there, the function goes on."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from functions.images.picture import Refused
from functions.images.processing import process
from functions.images.sandbox import Sandbox, Unfinished
from local_stack.settings import REPOSITORY
from tests.images.pictures import DAMAGED, TOO_MANY_PIXELS, jpeg, saved


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """With the real decoder."""
    sandbox = Sandbox(2)
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def odd() -> AsyncIterator[Sandbox]:
    """With one that obeys."""
    sandbox = Sandbox(1, module="tests.images.odd_child")
    yield sandbox
    await sandbox.close()


async def process_of(odd: Sandbox, content: bytes = b"") -> int:
    """The number of the process that answers."""
    return int((await odd.process(content)).placeholder)


def lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


async def test_it_makes_what_the_decoder_makes(sandbox: Sandbox) -> None:
    content = jpeg(1234, 567)
    assert await sandbox.process(content) == process(content)


async def test_refusals_come_through(sandbox: Sandbox) -> None:
    for content in (DAMAGED["text bomb"], TOO_MANY_PIXELS["png"], b"<svg/>"):
        with pytest.raises(Refused) as expected:
            process(content)
        with pytest.raises(Refused) as refused:
            await sandbox.process(content)
        assert (refused.value.reason, refused.value.text) == (
            expected.value.reason,
            expected.value.text,
        )


async def test_the_largest_picture_that_is_taken_fits(sandbox: Sandbox) -> None:
    """Every limit leaves room for it: 50 megapixels with transparency, in two processes."""
    content = saved(Image.new("RGBA", (7070, 7070), (200, 30, 30, 100)), "PNG", compress_level=1)
    made = await asyncio.gather(sandbox.process(content), sandbox.process(content))
    assert [one.width for one in made] == [7070, 7070]


async def test_a_process_is_used_again_until_it_has_failed(odd: Sandbox) -> None:
    first = await process_of(odd)
    assert await process_of(odd) == first
    with pytest.raises(Refused):
        await odd.process(b"environment")
    assert await process_of(odd) != first
    assert not lives(first)


async def test_a_process_does_not_live_for_ever(
    odd: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.images.sandbox._USES", 3)
    seen = [await process_of(odd) for _ in range(4)]
    assert seen[:3] == [seen[0]] * 3
    assert seen[3] != seen[0]


@pytest.mark.parametrize("content", [b"spin", b"eat"])
async def test_what_takes_too_much_is_refused(odd: Sandbox, content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        await odd.process(content)
    assert refused.value.reason == "too_demanding"
    assert await process_of(odd)


@pytest.mark.parametrize("content", [b"crash", b"leave", b"lie"])
async def test_a_process_that_dies_or_lies_is_replaced(odd: Sandbox, content: bytes) -> None:
    with pytest.raises(Unfinished):
        await odd.process(content)
    assert await process_of(odd)


async def test_a_process_that_hangs_is_killed() -> None:
    odd = Sandbox(1, module="tests.images.odd_child")
    first = await process_of(odd)
    odd._seconds = 0.2
    with pytest.raises(Unfinished, match="not done within"):
        await odd.process(b"sleep")
    assert not lives(first)


async def test_nobody_waits_for_a_job_that_was_given_up(odd: Sandbox) -> None:
    first = await process_of(odd)
    job = asyncio.create_task(odd.process(b"sleep"))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not lives(first)
    assert await process_of(odd)


async def test_what_a_library_prints_does_not_get_between_answers(odd: Sandbox) -> None:
    assert await process_of(odd, b"chat") == await process_of(odd)


async def test_a_process_writes_no_file_and_inherits_no_secret(
    odd: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "canary")
    with pytest.raises(Unfinished):
        await odd.process(b"write")
    with pytest.raises(Refused) as refused:
        await odd.process(b"environment")
    known = json.loads(refused.value.text)
    assert "canary" not in known.values()
    assert known.keys() <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "LC_CTYPE"}


async def test_at_most_so_many_at_once(odd: Sandbox) -> None:
    seen = await asyncio.gather(*(process_of(odd) for _ in range(5)))
    assert len(set(seen)) == 1


async def test_closing_ends_all() -> None:
    odd = Sandbox(2, module="tests.images.odd_child")
    seen = await asyncio.gather(process_of(odd), process_of(odd))
    await odd.close()
    assert not any(lives(one) for one in seen)


def test_the_function_itself_decodes_nothing() -> None:
    """Not even by import: a start is quick, and no decoder is there to be attacked."""
    code = (
        "import sys, functions.images.image_job, functions.images.function;"
        " assert not [name for name in sys.modules if name.split('.')[0] in ('PIL', 'boto3')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)  # noqa: S603 - ours
