"""A job of the tests' own, and who runs it as functions/schedules does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from tests.database.conftest import Row
from tests.database.line import Line

JOB = "chores"
_ADD = """
insert into private.jobs (name, schedule, period, grace)
values ('chores', '0 0 1 1 *', '1 hour', '10 minutes')
"""
_REMOVE = """
select cron.unschedule('orderbase-chores');
delete from private.tasks where job = 'chores';
delete from public.job_runs where job = 'chores';
delete from private.jobs where name = 'chores';
"""


@dataclass
class Clock:
    """Starts runs, and works them off over one connection of the functions."""

    line: Line
    job: str = JOB
    _made: list[str] = field(default_factory=list)

    # What is to be done.

    def task(self, name: str, body: str) -> None:
        """A task whose body is plpgsql; made anew if it is there."""
        self.line.rows(
            f"create or replace function private.{name}() returns jsonb language plpgsql"
            f" set search_path = '' as $task$ begin {body} end $task$"
        )
        if name not in self._made:
            self._made.append(name)
            self.line.rows(
                "insert into private.tasks (job, name, position) values (%s, %s, %s)",
                self.job,
                name,
                len(self._made),
            )

    def forget_tasks(self) -> None:
        for name in self._made:
            self.line.owner.execute(
                sql.SQL("drop function private.{}()").format(sql.Identifier(name))
            )

    # Ticks.

    def start(self, at: datetime | str | None = None) -> Row:
        """What the clock does: the run, whose id is None if there is one already."""
        return self.line.one("select * from private.start_job(%s, %s::timestamptz)", self.job, at)

    def runs(self) -> list[Row]:
        return self.line.rows(
            "select * from public.job_runs where job = %s order by scheduled_for", self.job
        )

    def run(self) -> Row:
        [run] = self.runs()
        return run

    # What the function does.

    def claim(self) -> list[Row]:
        return self.line.call("claim_schedules", 10, 0)

    def do(self, job: Row, task: str) -> str:
        """One call of one task."""
        receipt = job["run_id"], job["message_id"], job["starts"]
        [row] = self.line.call("run_task", *receipt, task)
        return str(row["status"])

    def do_all(self, job: Row) -> dict[str, str]:
        """All its tasks, each until it is done; the last statuses."""
        said = {}
        for task in job["tasks"]:
            while (status := self.do(job, task)) == "running":
                pass
            said[task] = status
        return said

    def finish(self, job: Row, outcome: str, **data: object) -> str:
        result = job | {"outcome": outcome, "data": data}
        [row] = self.line.call("finish_schedules", [result])
        return str(row["status"])

    def work(self) -> list[dict[str, str]]:
        """Claim once, do all, and record it; what became of the tasks of each run."""
        said = []
        for job in self.claim():
            done = self.do_all(job)
            good = set(done.values()) <= {"succeeded"}
            assert self.finish(job, "succeeded" if good else "incomplete") == "finished"
            said.append(done)
        return said

    def come_due(self, but: int = 0) -> None:
        """Every message is due, but for one whose lease goes on."""
        self.line.rows("update pgmq.q_schedules set vt = clock_timestamp() where msg_id <> %s", but)


@contextmanager
def clock_of(line: Line) -> Iterator[Clock]:
    """A clock with a job that has no tasks yet; both are gone afterwards."""
    clock = Clock(line)
    line.rows(_ADD)
    try:
        yield clock
    finally:
        line.rows(_REMOVE)
        clock.forget_tasks()


def alarms_of(line: Line, kind: str) -> list[str]:
    """Subjects of the open alarms of a kind."""
    return [str(alarm["subject"]) for alarm in line.alarms() if alarm["kind"] == kind]


def count_all_events(line: Line) -> None:
    """Nothing that happened, on whatever day, holds up a report."""
    line.rows(
        "insert into private.counted_events select id from public.order_events"
        " on conflict do nothing"
    )


def do_task(line: Line, task: str) -> Row:
    """Run one of the daily or hourly tasks by its own run, until it is done; what it did."""
    [job] = line.rows("select job from private.tasks where name = %s", task)
    clock = Clock(line, job["job"])
    line.staff.call("public.run_job", job=clock.job)
    [claimed] = clock.claim()
    while clock.do(claimed, task) == "running":
        pass
    clock.finish(claimed, "incomplete")
    line.rows("select pgmq.purge_queue('schedules')")
    run = clock.runs()[-1]
    line.rows("delete from public.job_runs where id = %s", run["id"])
    summary: Row = run["summary"][task]
    return summary
