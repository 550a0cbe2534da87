"""Where an event of Lambda is from: told by its shape alone, as nothing else says it."""

from enum import Enum
from typing import Any

Event = dict[str, Any]


class UnknownEvent(Exception):  # noqa: N818 - says what happened
    """Nobody here takes this event; the text names its members, and nothing they hold."""


class Source(Enum):
    HTTP = "http"
    """API Gateway's REST and HTTP APIs, function URLs, and load balancers."""
    SQS = "aws:sqs"
    S3 = "aws:s3"
    SCHEDULE = "schedule"
    """EventBridge's rules and its Scheduler."""


_SCHEDULERS = ("aws.events", "aws.scheduler")
_TEST_OF_S3 = "s3:TestEvent"


def source_of(event: Event) -> Source:
    """The source of an event.

    Raises:
        UnknownEvent: see there.
    """
    if "requestContext" in event:
        return Source.HTTP
    if records := event.get("Records"):
        return _of_records(records, event)
    if event.get("Event") == _TEST_OF_S3:
        return Source.S3
    if event.get("source") in _SCHEDULERS or "job" in event:
        return Source.SCHEDULE
    raise _unknown(event)


def _of_records(records: list[Event], event: Event) -> Source:
    for source in (Source.SQS, Source.S3):
        if all(record.get("eventSource") == source.value for record in records):
            return source
    raise _unknown(event)


def _unknown(event: Event) -> UnknownEvent:
    return UnknownEvent(f"no function takes an event of {', '.join(sorted(event)) or 'nothing'}")
