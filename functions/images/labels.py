"""What is to be seen on a picture, said by a service; optional, and never a reason to fail."""

import asyncio
import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_LOG = logging.getLogger(__name__)
_SECONDS = 15.0
_MOST = 10
_LEAST_CONFIDENCE = 80.0


@dataclass(frozen=True)
class Label:
    name: str
    confidence: float
    """From 0 to 100."""


class Labeler(Protocol):
    """Names what it sees."""

    async def labels(self, content: bytes) -> list[Label]:
        """The most certain ones of a JPEG; may raise anything."""


class RekognitionClient(Protocol):
    """The part of boto3's client that is used."""

    def detect_labels(
        self,
        *,
        Image: Mapping[str, bytes],  # noqa: N803 - so it is called there
        MaxLabels: int,  # noqa: N803
        MinConfidence: float,  # noqa: N803
    ) -> Mapping[str, Any]: ...


class RekognitionLabeler:
    """AWS Rekognition. Credentials and region are those of the environment, as boto3 reads them."""

    def __init__(self, client: RekognitionClient | None = None) -> None:
        # Imported here: most shops do without.
        self._client: RekognitionClient = client or importlib.import_module("boto3").client(
            "rekognition"
        )

    async def labels(self, content: bytes) -> list[Label]:
        found = await asyncio.to_thread(
            self._client.detect_labels,
            Image={"Bytes": content},
            MaxLabels=_MOST,
            MinConfidence=_LEAST_CONFIDENCE,
        )
        return [Label(one["Name"], round(one["Confidence"], 1)) for one in found["Labels"]]


async def labels_of(labeler: Labeler | None, content: bytes) -> list[Label]:
    """The labels, or none where nobody is asked or no answer comes."""
    if labeler is None:
        return []
    try:
        async with asyncio.timeout(_SECONDS):
            return await labeler.labels(content)
    except Exception as error:  # noqa: BLE001 - whatever it is, the picture is more than its labels
        _LOG.warning("no labels", extra={"fields": {"error": type(error).__name__}})
        return []
