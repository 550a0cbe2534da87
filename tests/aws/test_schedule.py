"""Which job a tick stands for, and when it was due."""

from typing import Any

import pytest

from functions.aws.schedule import due
from tests.aws.documents import document

AT = "2026-03-13T02:00:00Z"


@pytest.mark.parametrize("name", ["eventbridge_rule", "scheduler", "scheduler_input"])
def test_a_tick_says_its_job_and_its_time(name: str) -> None:
    assert due(document(name)) == ("daily", AT)


@pytest.mark.parametrize("name", ["eventbridge_rule", "scheduler"])
@pytest.mark.parametrize("detail", [{"job": "hourly"}, '{"job": "hourly"}'])
def test_what_the_detail_says_goes_before_the_name(name: str, detail: Any) -> None:  # noqa: ANN401
    assert due(document(name) | {"detail": detail}) == ("hourly", AT)


def test_a_bare_job_is_due_now() -> None:
    assert due({"job": "hourly"}) == ("hourly", None)
