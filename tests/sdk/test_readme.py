"""What the README shows first works as it stands."""

import re

import pytest

from local_stack.settings import REPOSITORY
from tests.conftest import Stack

README = REPOSITORY / "client_sdk" / "README.md"


def test_the_first_example_watches_an_order_to_its_end(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert example is not None
    program = example[1].replace("http://127.0.0.1:54321", stack.environment["SUPABASE_URL"])
    program = program.replace("sb_publishable_...", stack.environment["SUPABASE_PUBLISHABLE_KEY"])
    exec(compile(program, README, "exec"), {})  # noqa: S102 - our own example
    told = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert (told[0], told[-1]) == ("placed", "completed")
