"""A second look at the clock: the database checks its jobs by the clock that may stand still."""

import asyncio
import logging

from functions.kit.database import Database, DatabaseError
from functions.schedules.metrics import JOB_AGE

EVERY_SECONDS = 300.0
_LOG = logging.getLogger(__name__)


async def watch(database: Database, every: float = EVERY_SECONDS) -> None:
    """Until cancelled, have the jobs checked, which raises alarms, and tell Prometheus.

    `every` is seconds. A process that lives shorter than that checks nothing.
    """
    while True:
        await asyncio.sleep(every)
        try:
            for row in await database.call("check_jobs", {}):
                JOB_AGE.labels(row["job"]).set(row["age_seconds"])
        except DatabaseError as error:
            _LOG.warning("jobs were not checked: %s", error)
