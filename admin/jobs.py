"""Jobs of the clock: their runs, and running them by hand."""

from collections.abc import Mapping

from admin.command import Commands, Options, Session, identifier
from admin.errors import AdminError
from admin.output import details, local_time
from admin.shop import Row

_COLUMNS = "id,job,scheduled_for,status,attempts,summary,started_at,finished_at"
_SHOWN_APART = ("status", "error", "milliseconds")


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("jobs", "What the clock runs.")
    listed = noun.add("list", list_jobs)
    listed.add_argument("--limit", type=int, default=20, help="runs, at most (20)")
    noun.add("show", show).add_argument("id", type=identifier, metavar="ID")
    noun.add("run", run).add_argument("job", metavar="JOB")


async def list_jobs(session: Session, options: Options) -> int:
    """List the jobs and their latest runs. The exit code is 1 if a run is missed."""
    jobs: list[Row] = await session.shop.call("job_health")
    runs = await session.shop.select(
        "job_runs", select=_COLUMNS, order="scheduled_for.desc", limit=str(options.limit)
    )
    if session.output.as_json:
        session.output.json({"jobs": jobs, "runs": runs})
    else:
        _show_jobs(session, jobs)
        session.output.say("")
        _show_runs(session, runs)
    return int(any(job["missed"] for job in jobs))


async def show(session: Session, options: Options) -> None:
    """Show what became of each task of a run."""
    runs = await session.shop.select("job_runs", select=_COLUMNS, id=f"eq.{options.id}")
    if not runs:
        raise AdminError("There is no such run.")
    (found,) = runs
    if session.output.as_json:
        session.output.json(found)
        return
    facts = {name.replace("_", " ").capitalize(): found[name] for name in ("job", "status")}
    times = ("scheduled_for", "started_at", "finished_at")
    facts |= {name.replace("_", " ").capitalize(): local_time(found[name]) for name in times}
    session.output.facts(facts | {"Attempts": found["attempts"]})
    session.output.say("")
    _show_tasks(session, found["summary"])


async def run(session: Session, options: Options) -> None:
    """Run a job now: everything that is due. It does no harm to run it again."""
    started = await session.shop.call("run_job", job=options.job)
    if session.output.as_json:
        session.output.json(started)
    else:
        session.output.say(f"Queued: {started['job']}, run {started['id']}.")


def _show_jobs(session: Session, jobs: list[Row]) -> None:
    session.output.table(
        ("job", "schedule (UTC)", "last done", "state"),
        (
            (
                job["job"],
                job["schedule"],
                local_time(job["last_done"]),
                "missed" if job["missed"] else "in time",
            )
            for job in jobs
        ),
    )


def _show_runs(session: Session, runs: list[Row]) -> None:
    session.output.table(
        ("ID", "job", "scheduled for", "status", ">attempts", "not done"),
        (
            (
                one["id"],
                one["job"],
                local_time(one["scheduled_for"]),
                one["status"],
                one["attempts"],
                ", ".join(
                    name for name, task in one["summary"].items() if task["status"] != "succeeded"
                ),
            )
            for one in runs
        ),
    )


def _show_tasks(session: Session, summary: Mapping[str, Row]) -> None:
    session.output.table(
        ("task", "status", ">milliseconds", "did", "error"),
        (
            (
                name,
                task["status"],
                task.get("milliseconds"),
                details({key: task[key] for key in task if key not in _SHOWN_APART}),
                task.get("error"),
            )
            for name, task in summary.items()
        ),
    )
