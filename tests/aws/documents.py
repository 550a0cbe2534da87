"""Events as AWS documents them, one a file in `events/`."""

import base64
import copy
import json
import uuid
from pathlib import Path
from typing import Any

Event = dict[str, Any]
FOLDER = Path(__file__).parent / "events"
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))
REQUESTS = ("http_api", "function_url", "rest_api", "load_balancer")


def document(name: str) -> Event:
    event: Event = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return event


def request(
    name: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Event:
    """A request as this source of requests tells it; its body in base64, as any may come."""
    event = document(name)
    if name in ("http_api", "function_url"):
        event["rawPath"] = path
        event["requestContext"]["http"] |= {"method": method, "path": path}
    else:
        event |= {"httpMethod": method, "path": path}
    for header, value in (headers or {}).items():
        if "headers" in event:
            event["headers"][header] = value
        if "multiValueHeaders" in event:
            event["multiValueHeaders"][header] = [value]
    if body is not None:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return event


def batch(*bodies: object, name: str = "sqs", groups: str = "") -> Event:
    """A batch of messages; `groups` has a letter for each of them."""
    [template] = document(name)["Records"]
    records = [copy.deepcopy(template) for _ in bodies]
    for record, body in zip(records, bodies, strict=True):
        record["messageId"] = str(uuid.uuid4())
        record["body"] = body if isinstance(body, str) else json.dumps(body)
    for record, group in zip(records, groups, strict=bool(groups)):
        record["attributes"]["MessageGroupId"] = group
    return {"Records": records}


def failures(event: Event, *positions: int) -> Event:
    """What is replied if just the messages at these positions were not delivered."""
    ids = [event["Records"][position]["messageId"] for position in positions]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in ids]}
