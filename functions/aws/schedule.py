"""Ticks of EventBridge: a job of the shop is due."""

import json

from functions.aws.source import Event
from functions.kit.database import Database

_PREFIX = "orderbase-"


async def start(database: Database, event: Event) -> None:
    """Queue the run that the tick stands for; twice is once.

    Raises:
        DatabaseError: there is no such job, or Lambda tries again.
    """
    job, moment = due(event)
    await database.call("start_job", {"job": job, "scheduled_for": moment})


def due(event: Event) -> tuple[str, str | None]:
    """The job, and the time in ISO 8601 for which it was scheduled; None is now.

    Either is said by the schedule's own input, `{"job": …, "scheduled_for": …}`, bare or as the
    `detail` of an event. Without it, the job has the name of the rule or schedule, and the time is
    the event's.
    """
    detail = event.get("detail") or {}
    # The Scheduler's own form has text there.
    said = event if "job" in event else json.loads(detail) if isinstance(detail, str) else detail
    names = [arn.rpartition("/")[2] for arn in event.get("resources", ())]
    job = said.get("job") or names[0].removeprefix(_PREFIX)
    return job, said.get("scheduled_for") or event.get("time")
