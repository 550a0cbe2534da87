"""How the function and its child processes speak: frames over pipes, and nothing that runs code."""

import json
from dataclasses import asdict
from typing import Any

from functions.images.picture import Picture, Refused, Variant

LENGTH = 8
"""Bytes before each frame, which say how long it is; the greatest first."""


def framed(payload: bytes) -> bytes:
    """The payload behind its length."""
    return len(payload).to_bytes(LENGTH) + payload


def answer(result: Picture | Refused) -> bytes:
    """What became of an upload: a frame of JSON, then the files that it gives the sizes of."""
    if isinstance(result, Refused):
        return framed(json.dumps({"reason": result.reason, "text": result.text}).encode())
    said = asdict(result)
    for variant in said["variants"]:
        variant["content"] = len(variant["content"])
    files = [variant.content for variant in result.variants]
    return framed(json.dumps(said).encode()) + b"".join(files)


def result_of(payload: bytes) -> Picture:
    """The picture that an answer holds.

    Raises:
        Refused: the answer says so.
        ValueError, LookupError, TypeError: it is no answer.
    """
    end = LENGTH + int.from_bytes(payload[:LENGTH])
    said: dict[str, Any] = json.loads(payload[LENGTH:end])
    if "reason" in said:
        raise Refused(said["reason"], said["text"])
    variants = []
    for one in said.pop("variants"):
        start, end = end, end + one["content"]
        variants.append(Variant(**one | {"content": payload[start:end]}))
    return Picture(**said, variants=tuple(variants))
