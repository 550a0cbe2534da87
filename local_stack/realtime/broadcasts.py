"""A broadcast on its way to the channels of a topic."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Meta = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One message to the channels of a topic."""

    event: str
    content: str | bytes
    """The whole message as JSON, or a payload of bytes."""
    meta: Meta | None = None
    """What goes with a payload of bytes; JSON has it inside."""
    id: str | None = None
    """Of the row in `realtime.messages`, if it is one."""


def of_json(
    event: str, payload: str, meta: Meta | None = None, id_: str | None = None
) -> Broadcast:
    """A broadcast with this JSON payload."""
    parts = ['"type":"broadcast"', f'"event":{json.dumps(event)}', f'"payload":{payload}']
    if meta:
        parts.append(f'"meta":{json.dumps(meta)}')
    return Broadcast(event, "{" + ",".join(parts) + "}", meta, id_)
