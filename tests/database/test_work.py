"""The books of queues that have no rows of their own: fence, attempts, dead letters."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import Line, connected, wait_until_blocked

_QUEUE = """
create table private.works_done (number integer);
alter table private.works_done enable row level security;
insert into private.queues (name, path, attempts, max_starts)
values ('works', '/works/wake', 3, 4);
select private.create_queue('works');
create function private.apply_works(message jsonb, result jsonb) returns void
language plpgsql set search_path = '' as $$
begin
  if result ->> 'outcome' is distinct from 'done' then
    raise exception 'no such outcome';
  end if;
  insert into private.works_done values ((message ->> 'number')::integer);
end
$$;
"""
_NO_QUEUE = """
drop function private.apply_works;
drop table private.works_done;
select pgmq.drop_queue('works');
delete from private.attempts where queue = 'works';
delete from private.drains where queue = 'works';
delete from private.dead_letters where queue = 'works';
delete from private.queues where name = 'works';
"""


@dataclass
class Works:
    """A queue, and who works it off."""

    line: Line
    worker: psycopg.Connection[Row]

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.line.rows("select pgmq.send('works', %s)", Jsonb({"number": number}))

    def start(self, wanted: int = 100) -> list[Row]:
        return self.worker.execute(
            "select * from private.start_work('works', %s, 0)", (wanted,)
        ).fetchall()

    def finish(self, *results: Row) -> list[Row]:
        return self._replies("finish_work", results)

    def statuses(self, *results: Row) -> list[str]:
        return [reply["status"] for reply in self.finish(*results)]

    def renew(self, *jobs: Row) -> list[str]:
        return [reply["status"] for reply in self._replies("renew_work", jobs)]

    def _replies(self, verb: str, results: tuple[Row, ...]) -> list[Row]:
        cursor = self.worker.execute(
            f"select private.{verb}('works', %s) as reply".encode(), (Jsonb(list(results)),)
        )
        return [row["reply"] for row in cursor]

    def done(self) -> list[int]:
        rows = self.line.rows("select number from private.works_done order by number")
        return [row["number"] for row in rows]

    def books(self) -> list[Row]:
        return self.line.rows("select * from private.attempts where queue = 'works'")

    def come_due(self) -> None:
        self.line.come_due("works")


@pytest.fixture
def works(line: Line, database: Settings) -> Iterator[Works]:
    """A queue of this test alone."""
    line.rows(_QUEUE)
    try:
        with connected(database.database_url(), "postgres", {}) as worker:
            yield Works(line, worker)
    finally:
        line.rows(_NO_QUEUE)


def ended(job: Row, outcome: str = "done", **more: object) -> Row:
    receipt = {"message_id": job["message_id"], "starts": job["starts"]}
    return receipt | {"outcome": outcome, "data": {}} | more


def test_work_that_ends_well_leaves_nothing_behind(works: Works) -> None:
    works.send(1, 2)
    jobs = works.start()
    assert [(job["message"], job["starts"]) for job in jobs] == [
        ({"number": 1}, 1),
        ({"number": 2}, 1),
    ]
    assert works.start() == []
    replies = works.finish(*[ended(job) for job in reversed(jobs)])
    assert replies == [
        {"message_id": job["message_id"], "status": "finished"} for job in reversed(jobs)
    ]
    assert (works.done(), works.books(), works.line.messages("works")) == ([1, 2], [], [])


def test_a_worker_that_was_taken_over_changes_nothing(works: Works) -> None:
    works.send(1)
    [stale] = works.start()
    works.come_due()
    [current] = works.start()
    assert current["starts"] == stale["starts"] + 1
    for outcome in ("done", "retry", "broken", "postponed"):
        assert works.statuses(ended(stale, outcome)) == ["lost"]
    assert works.renew(stale, current) == ["lost", "renewed"]
    assert (works.done(), works.books()[0]["failures"]) == ([], 0)
    assert works.statuses(ended(current)) == ["finished"]
    assert works.statuses(ended(current)) == ["lost"]
    assert works.done() == [1]


@pytest.mark.parametrize("outcome", ["retry", "broken", "postponed"])
def test_a_result_that_is_said_twice_counts_once(works: Works, outcome: str) -> None:
    """The reply to `finish` was lost, so the worker says it again."""
    works.send(1)
    [job] = works.start()
    result = ended(job, outcome, error="timed out", delay_seconds=30)
    assert works.statuses(result, result) == ["retried", "lost"]
    assert works.statuses(result, ended(job)) == ["lost", "lost"]
    assert works.renew(job) == ["lost"]
    [book] = works.books()
    assert (book["failures"], book["starts"]) == (int(outcome != "postponed"), 1)
    [message] = works.line.messages("works")
    assert message["due"] > 20


def test_each_failure_waits_longer_and_the_last_is_a_dead_letter(works: Works) -> None:
    works.send(7)
    for number, delay in ((1, 30), (2, 120)):
        [job] = works.start()
        assert works.statuses(ended(job, "retry", error=f"failure {number}")) == ["retried"]
        [message] = works.line.messages("works")
        assert delay - 5 < message["due"] <= delay
        works.come_due()
    [job] = works.start()
    assert works.statuses(ended(job, "retry", error="failure 3")) == ["finished"]
    [letter] = works.line.letters()
    assert (letter["queue"], letter["message"]) == ("works", {"number": 7})
    assert (letter["reason"], letter["cause"]) == ("too_many_failures", "failure 3")
    assert letter["attempts"] == 3
    failures = [(entry["outcome"], entry["error"]) for entry in letter["history"]]
    assert failures == [("retry", f"failure {number}") for number in (1, 2, 3)]
    [alarm] = works.line.alarms()
    assert (alarm["kind"], alarm["detail"]["queue"]) == ("dead_letter", "works")
    assert (works.books(), works.line.messages("works")) == ([], [])


def test_a_dead_letter_that_is_tried_again_begins_afresh(works: Works) -> None:
    works.line.rows("update private.queues set attempts = 1 where name = 'works'")
    works.send(7)
    [job] = works.start()
    works.finish(ended(job, "broken", error="unexpected KeyError"))
    [letter] = works.line.letters()
    assert letter["reason"] == "unexpected_error"
    works.line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    [again] = works.start()
    assert (again["message"], again["starts"]) == ({"number": 7}, 1)
    assert works.statuses(ended(job)) == ["lost"]
    assert works.statuses(ended(again)) == ["finished"]
    assert (works.done(), works.line.letters(), works.line.alarms()) == ([7], [], [])


def test_what_was_not_tried_costs_no_attempt_however_often(works: Works) -> None:
    works.send(1)
    for _ in range(10):
        [job] = works.start()
        assert works.statuses(ended(job, "postponed", delay_seconds=19.2)) == ["retried"]
        [message] = works.line.messages("works")
        assert 0 < message["due"] <= 20
        works.come_due()
    [book] = works.books()
    assert (book["failures"], book["history"]) == (0, [])
    [job] = works.start()
    assert works.statuses(ended(job)) == ["finished"]


def test_failures_are_counted_as_failures_and_not_as_dead_workers(works: Works) -> None:
    works.line.rows("update private.queues set attempts = 8, max_starts = 2 where name = 'works'")
    works.send(1)
    for _ in range(7):
        [job] = works.start()
        assert works.statuses(ended(job, "retry")) == ["retried"]
        works.come_due()
    assert len(works.start()) == 1


def test_a_message_that_kills_its_worker_is_a_dead_letter_after_so_many_starts(
    works: Works,
) -> None:
    works.send(1, 2)
    [killer, _] = works.start()
    works.come_due()
    for _ in range(2):
        assert len(works.start()) == 2
        works.come_due()
    [_, other] = works.start()
    works.come_due()
    works.finish(ended(other))
    assert works.start() == []
    [letter] = works.line.letters()
    assert (letter["message_id"], letter["reason"]) == (killer["message_id"], "too_many_starts")
    assert (letter["cause"], letter["attempts"]) == ("It never ended.", 5)
    assert (works.books(), works.line.messages("works")) == ([], [])


BAD: dict[str, Row] = {
    "no such outcome": {"outcome": "perhaps"},
    "no outcome": {"outcome": None},
    "starts of text": {"starts": "first"},
    "message of text": {"message_id": "none"},
    "delay of text": {"outcome": "postponed", "delay_seconds": "soon"},
}


@pytest.mark.parametrize("bad", BAD)
def test_an_error_in_one_result_leaves_its_message_and_its_neighbours(
    works: Works, bad: str
) -> None:
    works.send(1, 2, 3)
    first, second, third = works.start()
    replies = works.finish(ended(first), ended(second) | BAD[bad], ended(third))
    assert [reply["status"] for reply in replies] == ["finished", "error", "finished"]
    assert replies[1]["error"]
    assert works.done() == [1, 3]
    [message] = works.line.messages("works")
    assert (message["message"], message["due"] > 50) == ({"number": 2}, True)
    works.come_due()
    [again] = works.start()
    assert works.statuses(ended(again)) == ["finished"]


def test_an_error_that_never_ends_is_the_cause_of_its_dead_letter(works: Works) -> None:
    works.line.rows("select pgmq.send('works', '{\"number\": \"many\"}')")
    while jobs := works.start():
        assert works.statuses(*[ended(job) for job in jobs]) == ["error"]
        works.come_due()
    [letter] = works.line.letters()
    assert letter["reason"] == "too_many_starts"
    assert "invalid input syntax" in letter["cause"]


def test_a_message_of_nothing_is_handed_out_as_any_other(works: Works) -> None:
    works.line.rows("select pgmq.send('works', null)")
    [job] = works.start()
    assert job["message"] is None
    assert works.statuses(ended(job)) == ["finished"]
    assert works.line.messages("works") == works.books() == []


@pytest.mark.parametrize("outcome", ["done", "retry"])
def test_a_message_that_was_removed_by_hand_is_lost(works: Works, outcome: str) -> None:
    works.send(1)
    [job] = works.start()
    works.line.rows("select pgmq.purge_queue('works')")
    assert works.statuses(ended(job, outcome)) == ["lost"]
    assert (works.done(), works.books(), works.line.letters()) == ([], [], [])


def test_holding_on_keeps_the_message(works: Works) -> None:
    works.send(1)
    [job] = works.start()
    works.come_due()
    assert works.renew(job) == ["renewed"]
    assert works.start() == []


@pytest.mark.parametrize("verb", ["statuses", "renew"])
def test_a_late_result_and_a_new_start_never_wait_for_each_other_for_ever(
    works: Works, database: Settings, verb: str
) -> None:
    works.send(1)
    [stale] = works.start()
    works.come_due()
    with (
        connected(database.database_url(), "postgres", {}) as starter,
        ThreadPoolExecutor(1) as pool,
    ):
        with starter.transaction():
            # As a start does it: the message first, then its books.
            starter.execute("set local lock_timeout = '5s'")
            starter.execute("select * from pgmq.read('works', 30, 1)")
            late = pool.submit(getattr(works, verb), ended(stale))
            wait_until_blocked(works.line.owner, works.worker.info.backend_pid)
            starter.execute("update private.attempts set starts = starts + 1 where queue = 'works'")
        assert late.result() == ["lost"]


def test_workers_that_take_over_from_each_other_do_no_work_twice_and_never_stop(
    works: Works, database: Settings
) -> None:
    """Every lease runs out at once: four workers start, renew and finish what others hold."""
    works.line.rows("update private.queues set max_starts = 1000 where name = 'works'")
    works.send(*range(12))
    before = works.line.one("select deadlocks from pg_stat_database where datname = 'postgres'")

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - repeatable
        with connected(database.database_url(), "postgres", {}) as connection:
            mine = Works(works.line, connection)
            for _ in range(20):
                jobs = mine.start(dice.randint(1, 12))
                dice.shuffle(jobs)
                mine.renew(*jobs)
                mine.finish(*[ended(job) for job in jobs if dice.random() < 0.4])

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, seed) for seed in range(4)]
        while not all(worker.done() for worker in workers):
            works.come_due()
        for worker in workers:
            worker.result()
    works.come_due()
    works.finish(*[ended(job) for job in works.start()])
    assert works.done() == list(range(12))
    assert works.books() == works.line.letters() == []
    after = works.line.one("select deadlocks from pg_stat_database where datname = 'postgres'")
    assert after == before
