"""What becomes of a job, with a real decoder and a stand-in for Storage."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from functions.images.image_job import ImageJobs
from functions.images.labels import Label
from functions.images.sandbox import Sandbox
from functions.images.storage import Storage
from local_stack.ports import Ports
from tests.images.bucket import Bucket, running, settings_of
from tests.images.pictures import DAMAGED, SVG, jpeg

PRODUCT = "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11"
UPLOAD = f"product-uploads/{PRODUCT}/cup.jpg"
JOB = {
    "message_id": 1,
    "starts": 1,
    "step": "process",
    "product_id": PRODUCT,
    "bucket": "product-uploads",
    "name": f"{PRODUCT}/cup.jpg",
    "version": "v1",
}


class Seeing:
    """Sees a cup on everything."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def labels(self, content: bytes) -> list[Label]:
        self.asked.append(content)
        return [Label("Cup", 99.5)]


@pytest.fixture
async def both() -> AsyncIterator[tuple[Bucket, ImageJobs]]:
    sandbox = Sandbox(1)
    async with running() as (bucket, storage):
        yield bucket, ImageJobs.over(storage, sandbox, None)
    await sandbox.close()


@pytest.fixture
def bucket(both: tuple[Bucket, ImageJobs]) -> Bucket:
    return both[0]


@pytest.fixture
def jobs(both: tuple[Bucket, ImageJobs]) -> ImageJobs:
    return both[1]


async def test_an_upload_becomes_its_variants(bucket: Bucket, jobs: ImageJobs) -> None:
    bucket.files[UPLOAD] = jpeg(1600, 1200)
    outcome = await jobs.perform(JOB)
    assert outcome.status == "processed"
    made: dict[str, Any] = dict(outcome.data)
    assert (made["version"], made["width"], made["height"]) == ("v1", 1600, 1200)
    assert made["path"] == made["variants"][1]["path"]
    assert made["labels"] == []
    for variant in made["variants"]:
        path = f"product-images/{variant['path']}"
        assert variant["path"].startswith(f"{PRODUCT}/")
        assert len(bucket.files[path]) == variant["bytes"]
        said = bucket.headers[path]
        assert said["Content-Type"] == f"image/{variant['format']}"
        assert said["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(bucket.files) == 1 + len(made["variants"]) == 7


async def test_the_same_again_changes_nothing(bucket: Bucket, jobs: ImageJobs) -> None:
    bucket.files[UPLOAD] = jpeg()
    first = await jobs.perform(JOB)
    stored = dict(bucket.files)
    again = await jobs.perform(JOB)
    assert (again, bucket.files) == (first, stored)


async def test_labels_are_asked_of_what_the_shop_shows(bucket: Bucket, jobs: ImageJobs) -> None:
    seeing = Seeing()
    bucket.files[UPLOAD] = jpeg()
    outcome = await replace(jobs, labeler=seeing).perform(JOB)
    made: dict[str, Any] = dict(outcome.data)
    assert made["labels"] == [{"name": "Cup", "confidence": 99.5}]
    assert seeing.asked == [bucket.files[f"product-images/{made['path']}"]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SVG, "unsupported_type"),
        (DAMAGED["text bomb"], "damaged"),
        (bytes(21 << 20), "too_large"),
    ],
    ids=["svg", "bomb", "too large"],
)
async def test_a_refusal_is_a_result_and_stores_nothing(
    bucket: Bucket, jobs: ImageJobs, content: bytes, reason: str
) -> None:
    bucket.files[UPLOAD] = content
    outcome = await jobs.perform(JOB)
    assert outcome.status == "refused"
    assert (outcome.data["version"], outcome.data["reason"]) == ("v1", reason)
    assert outcome.data["text"]
    assert len(bucket.files) == 1


async def test_files_are_removed(bucket: Bucket, jobs: ImageJobs) -> None:
    bucket.files = {"product-images/p/a.webp": b"", "product-images/p/b.webp": b""}
    job = {"message_id": 2, "starts": 1, "step": "remove", "paths": ["p/a.webp", "p/gone.webp"]}
    assert (await jobs.perform(job)).status == "removed"
    assert bucket.files.keys() == {"product-images/p/b.webp"}


async def test_what_storage_cannot_do_now_is_tried_again(bucket: Bucket, jobs: ImageJobs) -> None:
    assert (await jobs.perform(JOB)).status == "retry"  # there is no such file yet
    await bucket.says(web.Response(status=503))
    outcome = await jobs.perform(JOB)
    assert (outcome.status, outcome.error) == ("retry", "Storage answered with status 503")


async def test_a_storage_that_cannot_be_reached_costs_no_attempt(jobs: ImageJobs) -> None:
    storage = Storage(settings_of(f"http://127.0.0.1:{Ports.free().rest}"))
    assert (await replace(jobs, storage=storage).perform(JOB)).status == "postponed"
    await storage.close()


async def test_storage_is_left_alone_after_repeated_trouble(
    bucket: Bucket, jobs: ImageJobs
) -> None:
    for _ in range(5):
        await bucket.says(web.Response(status=503))
        await jobs.perform(JOB)
    asked = len(bucket.asked)
    assert (await jobs.perform(JOB)).status == "postponed"
    assert len(bucket.asked) == asked == 5


async def test_a_decoder_that_dies_is_a_counted_failure(bucket: Bucket, jobs: ImageJobs) -> None:
    odd = Sandbox(1, module="tests.images.odd_child")
    bucket.files[UPLOAD] = b"crash"
    outcome = await replace(jobs, sandbox=odd).perform(JOB)
    assert (outcome.status, outcome.error) == ("retry", "the process that decodes ended with -11")
    bucket.files[UPLOAD] = b"spin"
    outcome = await replace(jobs, sandbox=odd).perform(JOB)
    assert (outcome.status, outcome.data["reason"]) == ("refused", "too_demanding")
    await odd.close()


async def test_many_jobs_at_once(bucket: Bucket, jobs: ImageJobs) -> None:
    names = [f"{PRODUCT}/{number}.jpg" for number in range(8)]
    for number, name in enumerate(names):
        bucket.files[f"product-uploads/{name}"] = jpeg(300 + number, 200)
    made = await asyncio.gather(*(jobs.perform(JOB | {"name": name}) for name in names))
    assert [one.data["width"] for one in made] == list(range(300, 308))
