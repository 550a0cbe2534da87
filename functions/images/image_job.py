"""What becomes of a claimed job: a picture is made of an upload, or files are removed."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from functions.images.labels import Labeler, labels_of
from functions.images.picture import MAX_BYTES, Picture, Refused, Variant
from functions.images.sandbox import Sandbox, Unfinished
from functions.images.storage import (
    Storage,
    StorageTrouble,
    StorageUnavailable,
    StorageUnreachable,
)
from functions.kit.breaker import Breaker, BreakerOpen
from functions.kit.queue import Job, Outcome

SHOWN = "product-images"
"""The bucket that everybody reads."""
FOR_EVER = "public, max-age=31536000, immutable"
"""A file's name says what it holds."""


@dataclass(frozen=True)
class ImageJobs:
    """Does what is due, over these services."""

    storage: Storage
    sandbox: Sandbox
    labeler: Labeler | None
    breaker: Breaker

    @classmethod
    def over(cls, storage: Storage, sandbox: Sandbox, labeler: Labeler | None) -> "ImageJobs":
        return cls(storage, sandbox, labeler, Breaker("storage", trouble=(StorageUnavailable,)))

    async def perform(self, job: Job) -> Outcome:
        """processed, refused or removed; see `engine.finish_images`."""
        try:
            with self.breaker.call():
                return await (self._process(job) if job["step"] == "process" else self._remove(job))
        except BreakerOpen as error:
            return Outcome.postponed(str(error), max(1.0, error.remaining))
        except StorageUnreachable as error:
            return Outcome.postponed(str(error), trouble=True)
        except (StorageTrouble, Unfinished) as error:
            return Outcome.retry(str(error))

    async def _process(self, job: Job) -> Outcome:
        try:
            content = await self.storage.download(job["bucket"], job["name"], MAX_BYTES)
            picture = await self.sandbox.process(content)
        except Refused as error:
            refusal = {"reason": error.reason, "text": error.text}
            return Outcome("refused", {"version": job["version"], **refusal})
        folder = job["product_id"]
        await asyncio.gather(*(self._store(folder, variant) for variant in picture.variants))
        labels = await labels_of(self.labeler, _widest_jpeg(picture).content)
        described = _described(picture, folder) | {"labels": [asdict(label) for label in labels]}
        return Outcome("processed", {"version": job["version"], **described})

    async def _store(self, folder: str, variant: Variant) -> None:
        await self.storage.upload(
            SHOWN,
            f"{folder}/{variant.name}",
            variant.content,
            kind=f"image/{variant.format}",
            cache_control=FOR_EVER,
        )

    async def _remove(self, job: Job) -> Outcome:
        await self.storage.remove(SHOWN, job["paths"])
        return Outcome("removed")


def _widest_jpeg(picture: Picture) -> Variant:
    return next(variant for variant in picture.variants if variant.format == "jpeg")


def _described(picture: Picture, folder: str) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "colour": picture.colour,
        "placeholder": picture.placeholder,
        "path": f"{folder}/{_widest_jpeg(picture).name}",
        "variants": [
            {
                "width": variant.width,
                "height": variant.height,
                "format": variant.format,
                "path": f"{folder}/{variant.name}",
                "bytes": len(variant.content),
            }
            for variant in picture.variants
        ],
    }
