"""Experiments: who gets which arm, recorded once, and whether arms are seen as they should be."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import Line, lines
from tests.database.locks import wait_for_a_lock

# Chi-square that chance exceeds once in a thousand times, by degrees of freedom (from tables).
CRITICAL = {1: 10.828, 2: 13.816, 3: 16.266, 4: 18.467, 9: 27.877, 10: 29.588}


@pytest.fixture
def experiment(line: Line) -> str:
    """A running one with two equal arms."""
    return new_experiment(line, old=1, new=1)


def new_experiment(line: Line, **weights: int) -> str:
    name = f"test_{uuid.uuid4().hex}"
    line.rows("insert into public.experiments (name, active) values (%s, true)", name)
    for arm, weight in weights.items():
        add_arm(line, name, arm, weight)
    return name


def add_arm(line: Line, name: str, arm: str, weight: int, percent: int = 100) -> None:
    insert = "insert into public.experiment_arms values (%s, %s, %s, %s)"
    line.rows(insert, name, arm, weight, percent)


def visitor() -> str:
    return f"visitor:{uuid.uuid4()}"


def arm_of(line: Line, name: str, identity: str) -> str | None:
    rows = line.call("expose", name, identity)
    return rows[0]["arm"] if rows else None


def exposures(line: Line, name: str) -> list[Row]:
    return line.rows("select * from public.experiment_exposures where experiment = %s", name)


SPREAD = """
select arm, count(*) as seen
from generate_series(1, 100000) as id
cross join lateral private.experiment_arm(
  sha256(convert_to('salt:name:visitor:' || id, 'UTF8')), %s, %s) as arm
group by arm
"""


@pytest.mark.parametrize(
    "weights", [{"a": 1, "b": 1}, {"a": 90, "b": 10}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 0}]
)
def test_a_hundred_thousand_subjects_spread_as_the_weights_say(
    line: Line, weights: dict[str, int]
) -> None:
    rows = line.rows(SPREAD, list(weights), list(weights.values()))
    seen = {row["arm"]: row["seen"] for row in rows}
    taking = {arm: weight for arm, weight in weights.items() if weight}
    assert set(seen) == set(taking)
    due = {arm: 100_000 * weight / sum(taking.values()) for arm, weight in taking.items()}
    statistic = sum((seen[arm] - due[arm]) ** 2 / due[arm] for arm in due)
    assert statistic < CRITICAL.get(len(due) - 1, 1)


def test_experiments_divide_the_same_subjects_independently(line: Line) -> None:
    rows = line.rows(
        "select private.experiment_arm(sha256(('one:' || id)::bytea), '{a,b}', '{1,1}') as one,"
        " private.experiment_arm(sha256(('two:' || id)::bytea), '{a,b}', '{1,1}') as two,"
        " count(*) as seen from generate_series(1, 20000) as id group by 1, 2"
    )
    assert len(rows) == 4
    assert sum((row["seen"] - 5000) ** 2 / 5000 for row in rows) < CRITICAL[3]


def test_a_point_lies_in_the_arm_whose_share_of_the_line_holds_it(line: Line) -> None:
    """The hash's first 32 bits are the point: so an arm is the same in every place and release."""
    arms = "select private.experiment_arm(%s, '{b,a,c}', '{1,2,1}') as arm"
    for start, arm in (
        ("00000000", "a"), ("7fffffff", "a"), ("80000000", "b"), ("bfffffff", "b"),
        ("c0000000", "c"), ("ffffffff", "c"),
    ):  # fmt: skip
        assert line.one(arms, bytes.fromhex(start + "ff" * 28))["arm"] == arm
    assert line.one("select private.experiment_arm(%s, '{a}', '{0}') as arm", b"x" * 32) == {
        "arm": None
    }


def test_somebody_sees_the_same_arm_every_time_and_is_recorded_once(
    line: Line, experiment: str
) -> None:
    who = visitor()
    assert len({arm_of(line, experiment, who) for _ in range(5)}) == 1
    [exposure] = exposures(line, experiment)
    assert exposure["arm"] in ("old", "new")
    assert who.encode() not in bytes(exposure["subject"])


def test_an_exposure_is_recorded_once_when_many_ask_at_once(
    line: Line, experiment: str, engine: Caller
) -> None:
    who = visitor()

    def ask(_: int) -> str:
        [row] = engine.call("engine.expose", experiment=experiment, identity=who)
        return str(row["expose"]["arm"])

    with ThreadPoolExecutor(16) as pool:
        arms = list(pool.map(ask, range(64)))
    assert len(set(arms)) == 1
    assert len(exposures(line, experiment)) == 1


def test_of_two_who_ask_at_once_the_later_one_sees_what_the_first_has_recorded(
    line: Line, experiment: str, engine: Caller
) -> None:
    who = visitor()
    expose = "select engine.expose(%s, %s) as shown"
    with ThreadPoolExecutor(1) as pool:
        with engine.connection() as first:
            shown = first.execute(expose, (experiment, who)).fetchall()
            later = pool.submit(engine.query, expose, experiment, who)
            wait_for_a_lock(line.owner)
        assert later.result(10) == shown
    assert len(exposures(line, experiment)) == 1


def test_whoever_has_seen_an_arm_keeps_it_when_weights_change(line: Line, experiment: str) -> None:
    everybody = [visitor() for _ in range(40)]
    before = [arm_of(line, experiment, who) for who in everybody]
    assert set(before) == {"old", "new"}
    halt = "update public.experiment_arms set weight = 0 where experiment = %s and name = 'old'"
    line.rows(halt, experiment)
    add_arm(line, experiment, "third", 1)
    assert [arm_of(line, experiment, who) for who in everybody] == before
    assert {arm_of(line, experiment, visitor()) for _ in range(40)} == {"new", "third"}
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        line.rows("delete from public.experiment_arms where experiment = %s", experiment)


@pytest.mark.parametrize(
    "ending",
    [
        "update public.experiments set active = false where name = %s",
        "update public.experiments set started_at = now() + interval '1 hour' where name = %s",
        "update public.experiments set started_at = '2001-01-01', ended_at = '2001-02-01'",
        "update public.experiment_arms set weight = 0 where experiment = %s",
    ],
)
def test_an_experiment_that_does_not_run_shows_nothing(
    line: Line, experiment: str, ending: str
) -> None:
    line.rows(ending.replace("%s", f"'{experiment}'"))
    assert arm_of(line, experiment, visitor()) is None
    assert exposures(line, experiment) == []
    assert arm_of(line, "no_such_experiment", visitor()) is None


def test_what_mixes_the_subjects_of_an_experiment_never_changes(
    line: Line, experiment: str
) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        line.rows("update public.experiments set salt = 'x' where name = %s", experiment)


@pytest.mark.parametrize("degrees", sorted(CRITICAL))
def test_the_probability_of_a_chi_square_is_that_of_the_tables(line: Line, degrees: int) -> None:
    query = "select private.chi_square_p(%s, %s) as p"
    assert line.one(query, CRITICAL[degrees], degrees)["p"] == pytest.approx(0.001, rel=2e-3)
    assert line.one(query, 0.0, degrees)["p"] == 1
    assert line.one(query, 1e9, degrees)["p"] == 0


def see(line: Line, name: str, arm: str, count: int) -> None:
    line.rows(
        "insert into public.experiment_exposures (experiment, subject, arm)"
        " select %s, sha256(convert_to(%s || id, 'UTF8')), %s from generate_series(1, %s) as id",
        name,
        f"{arm}{uuid.uuid4()}",
        arm,
        count,
    )


def skewed(line: Line) -> list[str]:
    line.rows("select private.sample_ratio_check()")
    return [alarm["subject"] for alarm in line.alarms() if alarm["kind"] == "sample_ratio"]


def test_arms_that_are_seen_too_unequally_raise_an_alarm(line: Line, experiment: str) -> None:
    see(line, experiment, "old", 500)
    see(line, experiment, "new", 400)
    assert skewed(line) == [], "too few to tell"
    see(line, experiment, "old", 200)
    assert skewed(line) == [experiment]
    assert skewed(line) == [experiment], "once"
    see(line, experiment, "new", 280)
    assert skewed(line) == []


@pytest.mark.parametrize(
    "ending",
    ["active = false", "started_at = now() - interval '1 hour', ended_at = clock_timestamp()"],
)
def test_the_alarm_of_an_experiment_ends_with_it(line: Line, experiment: str, ending: str) -> None:
    see(line, experiment, "old", 2000)
    assert skewed(line) == [experiment]
    line.rows(f"update public.experiments set {ending} where name = %s", experiment)
    for _ in range(2):
        assert skewed(line) == [], "and it does not come back"


def test_arms_that_are_seen_as_their_weights_say_raise_none(line: Line) -> None:
    name = new_experiment(line, few=1, many=9)
    see(line, name, "few", 1040)
    see(line, name, "many", 9000)
    assert skewed(line) == []


def test_what_was_seen_before_the_weights_changed_counts_no_more(
    line: Line, experiment: str
) -> None:
    see(line, experiment, "old", 2000)
    assert skewed(line) == [experiment]
    line.rows("update public.experiment_arms set weight = 2 where experiment = %s", experiment)
    query = "select private.sample_ratio_p(%s) as p"
    assert line.one(query, experiment)["p"] is None
    see(line, experiment, "old", 600)
    see(line, experiment, "new", 600)
    assert skewed(line) == []


def test_staff_see_what_came_of_each_arm(
    line: Line, experiment: str, new_user: Callable[..., Caller]
) -> None:
    product = line.new_product(price=1000)
    add_arm(line, experiment, "cheap", 0, 50)
    seen = arm_of(line, experiment, f"user:{line.shopper.id}")
    basket = lines(product, 2)
    [quoted] = line.shopper.call("public.quote_order", items=basket, country="DE")
    order = line.shopper.place(basket, quote=quoted["quote_order"]["quote"])
    line.drain()
    line.shopper.place(basket)
    assert line.status(order) == "shipped"
    results = line.staff.call("public.experiment_results", name=experiment)
    assert [row["arm"] for row in results] == ["cheap", "new", "old"]
    [row] = [row for row in results if row["arm"] == seen]
    assert (row["exposures"], row["orders"], row["revenue"]) == (1, 1, {"EUR": 2000})
    assert sum(row["orders"] for row in results) == 1
    for caller, status, code in (
        (new_user(), 403, "staff_only"),
        (line.staff, 404, "experiment_not_found"),
    ):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.experiment_results", name=experiment if status == 403 else "none")
        assert (refused.value.status, refused.value.code) == (status, code)


def test_nobody_but_staff_reads_experiments_and_nobody_their_salt(
    line: Line, experiment: str
) -> None:
    arm_of(line, experiment, visitor())
    query = "select name from public.experiments where name = %s"
    assert line.shopper.query(query, experiment) == []
    assert line.staff.query(query, experiment) == [{"name": experiment}]
