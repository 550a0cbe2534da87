"""Experiments: their arms, what came of each, and whether that means anything."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from orderbase import Money, NotFound
from orderbase.staff import AsyncStaff
from tests.admin.conftest import Orders
from tests.sdk.staff.conftest import Owner


@pytest.fixture
def experiment(owner: Owner) -> Iterator[str]:
    """One with two arms of equal weight, one of which is cheaper."""
    name = f"test_{uuid4().hex}"
    insert = "insert into public.experiments (name, description, active) values (%s, 'Why', true)"
    owner.execute(insert, (name,))
    insert = "insert into public.experiment_arms values (%s, %s, 1, %s)"
    owner.execute(insert, (name, "usual", 100))
    owner.execute(insert, (name, "cheap", 90))
    yield name
    owner.execute("update public.experiments set active = false where name = %s", (name,))


def expose(owner: Owner, experiment: str, arm: str, many: int) -> None:
    owner.execute(
        "insert into public.experiment_exposures (experiment, subject, arm)"
        " select %s, sha256((%s || ':' || id)::bytea), %s from generate_series(1, %s) as id",
        (experiment, arm, arm, many),
    )


async def test_an_experiment_has_its_arms(staff: AsyncStaff, owner: Owner, experiment: str) -> None:
    found = await staff.experiments.get(experiment)
    query = "select * from public.experiments where name = %s"
    [row] = owner.execute(query, (experiment,)).fetchall()
    for name in ("name", "description", "active", "started_at", "ended_at", "weighed_at"):
        assert getattr(found, name) == row[name]
    arms = [(arm.name, arm.weight, arm.price_percent) for arm in found.arms]
    assert arms == [("cheap", 1, 90), ("usual", 1, 100)]
    assert found in await staff.experiments.list()


async def test_results_say_what_came_of_each_arm(
    staff: AsyncStaff, owner: Owner, experiment: str, orders: Orders
) -> None:
    order = orders.place()
    orders.wait_for(order, "completed")
    owner.execute(
        "insert into private.order_arms values (%s, %s, 'cheap')", (order["id"], experiment)
    )
    expose(owner, experiment, "cheap", 3)
    results = await staff.experiments.results(experiment)
    cheap, usual = results.arms
    assert (cheap.name, cheap.weight, cheap.price_percent) == ("cheap", 1, 90)
    assert (cheap.exposures, cheap.orders) == (3, 1)
    assert cheap.revenue == {"EUR": Money(1250, "EUR")}
    assert (usual.exposures, usual.orders, usual.revenue) == (0, 0, {})
    assert (results.sample_ratio_p, results.sample_ratio_mismatch) == (None, None), "too few"


@pytest.mark.parametrize(("usual", "mismatch"), [(500, False), (800, True)])
async def test_arms_that_are_seen_too_unequally_mean_nothing(
    staff: AsyncStaff, owner: Owner, experiment: str, usual: int, mismatch: bool
) -> None:
    expose(owner, experiment, "usual", usual)
    expose(owner, experiment, "cheap", 500)
    results = await staff.experiments.results(experiment)
    assert results.sample_ratio_p is not None
    assert (results.sample_ratio_p < 0.001) == mismatch
    assert results.sample_ratio_mismatch is mismatch


async def test_an_experiment_without_arms_has_no_results(staff: AsyncStaff, owner: Owner) -> None:
    name = f"test_{uuid4().hex}"
    owner.execute("insert into public.experiments (name) values (%s)", (name,))
    results = await staff.experiments.results(name)
    assert (results.arms, results.sample_ratio_p) == ((), None)


async def test_there_is_no_such_experiment(staff: AsyncStaff) -> None:
    for attempt in (staff.experiments.get("nothing"), staff.experiments.results("nothing")):
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "experiment_not_found"
