"""What becomes of a claimed run: its tasks are done one by one, and none stops another."""

from functions.kit.database import Database, DatabaseError, Row
from functions.kit.queue import Job, Outcome

_MOST_BATCHES = 1000
"""Of a task, in one go; what is left then comes with the next try."""


async def run(database: Database, job: Job) -> Outcome:
    """Do the tasks of a run that are not done yet."""
    unfinished: list[str] = []
    errors: dict[str, Row] = {}
    for task in job["tasks"]:
        try:
            status = await _do(database, job, task)
        except DatabaseError as error:
            status = "failed"
            errors[task] = {"status": status, "error": str(error)}
        if status in ("busy", "lost"):
            return Outcome.postponed(f"{task} is {status}")
        if status != "succeeded":
            unfinished.append(task)
    if unfinished:
        return Outcome("incomplete", {"errors": errors}, ", ".join(unfinished))
    return Outcome("succeeded")


async def _do(database: Database, job: Job, task: str) -> str:
    """Its last status, as the verb documents it. Each batch is a transaction of its own."""
    arguments = {name: job[name] for name in ("run_id", "message_id", "starts")} | {"task": task}
    status = "running"
    for _ in range(_MOST_BATCHES):
        [row] = await database.call("run_task", arguments)
        status = str(row["status"])
        if status != "running":
            break
    return status
