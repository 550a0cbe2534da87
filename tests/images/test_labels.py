"""What is to be seen on a picture: optional, by whoever is asked, and never a reason to fail."""

import asyncio
import importlib
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from functions.images.labels import Label, RekognitionLabeler, labels_of
from functions.images.settings import ImageSettings
from tests.functions.test_settings import GOOD


class Client:
    """What boto3's client does with what it is given."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, object]] = []

    def detect_labels(
        self,
        *,
        Image: Mapping[str, bytes],  # noqa: N803 - so it is called there
        MaxLabels: int,  # noqa: N803
        MinConfidence: float,  # noqa: N803
    ) -> Mapping[str, Any]:
        self.asked.append({"image": Image, "most": MaxLabels, "confidence": MinConfidence})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


FOUND = {"Labels": [{"Name": "Cup", "Confidence": 99.123, "Parents": []}]}


async def test_labels_are_named_with_their_confidence() -> None:
    client = Client(FOUND)
    assert await labels_of(RekognitionLabeler(client), b"jpeg") == [Label("Cup", 99.1)]
    assert client.asked == [{"image": {"Bytes": b"jpeg"}, "most": 10, "confidence": 80.0}]


async def test_the_real_client_takes_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 checks the request and the reply against the service's own model."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client: Any = importlib.import_module("boto3").client("rekognition", "eu-west-1")
    with importlib.import_module("botocore.stub").Stubber(client) as stub:
        stub.add_response("detect_labels", FOUND)
        assert await RekognitionLabeler(client).labels(b"jpeg") == [Label("Cup", 99.1)]
    client.close()


@pytest.mark.parametrize(
    "answer", [RuntimeError("throttled: canary"), {}, {"Labels": [{"Name": "Cup"}]}]
)
async def test_a_failure_is_logged_and_is_no_labels(
    answer: Mapping[str, Any] | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert await labels_of(RekognitionLabeler(Client(answer)), b"jpeg") == []
    assert [record.message for record in caplog.records] == ["no labels"]
    assert "canary" not in caplog.text


async def test_whoever_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        async def labels(self, content: bytes) -> list[Label]:
            await asyncio.Event().wait()
            return [Label("Cup", len(content))]

    monkeypatch.setattr("functions.images.labels._SECONDS", 0.05)
    assert await labels_of(Slow(), b"") == []
    assert await labels_of(None, b"") == []


def load(monkeypatch: pytest.MonkeyPatch, **more: str) -> ImageSettings:
    for name, value in (GOOD | more).items():
        monkeypatch.setenv(name, value)
    return ImageSettings.load()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert load(monkeypatch).labels == "none"
    with pytest.raises(
        SystemExit, match=r"^LABELS cannot be used: .*orderbase-shop\[rekognition\]"
    ):
        load(monkeypatch, LABELS="rekognition")


def test_there_is_no_other_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, LABELS="rekognition").labels == "rekognition"
    with pytest.raises(SystemExit, match=r"^LABELS cannot be used"):
        load(monkeypatch, LABELS="oracle")
