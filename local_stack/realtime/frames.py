"""Phoenix messages on the wire: protocol 1.0.0 (objects) and 2.0.0 (arrays, binary frames)."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

_PUSH_KIND, _BROADCAST_KIND = 3, 4
_BINARY, _JSON = 0, 1
_PUSH_HEADER = 7
_MAX_LENGTH = 255

Ref = str | int | None


class MalformedFrameError(Exception):
    """What the client sent is no Phoenix message."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A message from a client."""

    topic: str
    event: str
    payload: dict[str, Any]
    ref: Ref = None
    join_ref: Ref = None


class Codec(Protocol):
    """One version of the protocol."""

    def decode(self, data: str | bytes) -> Frame:
        """Read a message.

        Raises:
            MalformedFrameError: it is none.
        """

    def encode(
        self, topic: str, event: str, payload: str, ref: Ref = None, join_ref: Ref = None
    ) -> str:
        """Write a message whose payload is JSON already."""

    def encode_binary(self, topic: str, event: str, payload: bytes, meta: str) -> bytes | None:
        """Write a broadcast of bytes with JSON about it; None if there is no form for it."""


class ObjectCodec:
    """Protocol 1.0.0."""

    def decode(self, data: str | bytes) -> Frame:
        if isinstance(data, bytes):
            raise MalformedFrameError("protocol 1.0.0 has no binary messages")
        message = _parse(data)
        if not isinstance(message, dict):
            raise MalformedFrameError("a message is a JSON object")
        fields = ("topic", "event", "payload", "ref", "join_ref")
        return _frame(*(message.get(field) for field in fields))

    def encode(
        self,
        topic: str,
        event: str,
        payload: str,
        ref: Ref = None,
        join_ref: Ref = None,  # noqa: ARG002 - this version does not tell it
    ) -> str:
        return (
            f'{{"ref":{json.dumps(ref)},"topic":{json.dumps(topic)},'
            f'"event":{json.dumps(event)},"payload":{payload}}}'
        )

    def encode_binary(self, topic: str, event: str, payload: bytes, meta: str) -> None:
        """There is no form for it."""


class ArrayCodec:
    """Protocol 2.0.0."""

    def decode(self, data: str | bytes) -> Frame:
        if isinstance(data, bytes):
            return _push(data)
        message = _parse(data)
        if not isinstance(message, list) or len(message) != 5:
            raise MalformedFrameError("a message is [join_ref, ref, topic, event, payload]")
        join_ref, ref, topic, event, payload = message
        return _frame(topic, event, payload, ref, join_ref)

    def encode(
        self, topic: str, event: str, payload: str, ref: Ref = None, join_ref: Ref = None
    ) -> str:
        return (
            f"[{json.dumps(join_ref)},{json.dumps(ref)},{json.dumps(topic)},"
            f"{json.dumps(event)},{payload}]"
        )

    def encode_binary(self, topic: str, event: str, payload: bytes, meta: str) -> bytes | None:
        texts = [topic.encode(), event.encode(), meta.encode()]
        if any(len(text) > _MAX_LENGTH for text in texts):
            return None
        header = bytes([_BROADCAST_KIND, *map(len, texts), _BINARY])
        return b"".join([header, *texts, payload])


CODECS: dict[str, Codec] = {"1.0.0": ObjectCodec(), "2.0.0": ArrayCodec()}


def _push(data: bytes) -> Frame:
    """A broadcast in binary form: lengths, then the texts, then the payload."""
    if len(data) < _PUSH_HEADER or data[0] != _PUSH_KIND or data[6] not in {_BINARY, _JSON}:
        raise MalformedFrameError("unknown binary message")
    texts, at = [], _PUSH_HEADER
    for length in data[1:6]:
        texts.append(_utf8(data[at : at + length]))
        at += length
    if at > len(data):
        raise MalformedFrameError("the binary message ends early")
    join_ref, ref, topic, event, _metadata = texts
    content = data[at:]
    payload: object = _parse(_utf8(content)) if data[6] == _JSON else content
    message = {"type": "broadcast", "event": event, "payload": payload}
    return Frame(topic, "broadcast", message, ref or None, join_ref or None)


def _parse(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedFrameError("not JSON") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedFrameError("not UTF-8") from error


def _frame(topic: object, event: object, payload: object, ref: object, join_ref: object) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise MalformedFrameError("topic and event are texts")
    if not isinstance(payload, dict):
        raise MalformedFrameError("the payload is an object")
    if not isinstance(ref, Ref) or not isinstance(join_ref, Ref):
        raise MalformedFrameError("refs are texts")
    return Frame(topic, event, payload, ref, join_ref)
