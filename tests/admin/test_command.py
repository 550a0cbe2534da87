import json
import os
import uuid
from importlib.metadata import entry_points
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from admin.__main__ import main
from tests.admin.conftest import Admin, Row
from tests.conftest import Stack

NOBODY = "http://127.0.0.1:1"
COMMANDS = [
    "dead-letters list", "dead-letters show", "dead-letters retry", "dead-letters give-up",
    "alarms list", "alarms acknowledge", "orders show", "orders ship", "orders deliver",
    "orders cancel-shipping", "orders refund", "emails resend", "queues", "reconcile",
    "jobs list", "jobs show", "jobs run",
]  # fmt: skip


GROUPS = ["dead-letters", "alarms", "orders", "emails", "jobs"]


@pytest.mark.parametrize("command", ["", *GROUPS, *COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: orderbase-admin{' ' * bool(command)}{command}")
    assert ("--json" in shown) == (command in COMMANDS)


@pytest.mark.parametrize("arguments", ["", "dead-letters", "orders refund 1", "reconcile --days=0"])
def test_wrong_use(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert "usage: orderbase-admin" in capsys.readouterr().err


def test_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPABASE_URL", raising=False)
    empty = tmp_path / "env"
    empty.write_text("")
    assert "SUPABASE_URL is not set." in Admin(empty).refusal("queues", code=2)
    assert "cannot be read" in Admin(tmp_path / "none").refusal("queues", code=2)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SUPABASE_SECRET_KEY", "sb_secret_wrong", "The shop does not take this"),
        ("SUPABASE_SECRET_KEY", "SUPABASE_PUBLISHABLE_KEY", "This key may not do that"),
        ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", None),
        ("SUPABASE_URL", NOBODY, "Nobody answers at"),
        ("SUPABASE_URL", "MAIL_URL", "not of a shop"),
        ("SUPABASE_URL", "nonsense", "not a URL"),
        ("STRIPE_API_KEY", "sk_test_wrong", "Stripe does not take this"),
    ],
)
def test_settings_that_will_not_do(
    stack: Stack, tmp_path: Path, name: str, value: str, said: str | None
) -> None:
    values = stack.environment
    values[name] = values.get(value, value)
    file = tmp_path / "env"
    file.write_text("".join(f"{key}={text}\n" for key, text in values.items()))
    command = "reconcile" if name.startswith("STRIPE") else "queues"
    if said is None:
        Admin(file).text(command)
    else:
        assert said in Admin(file).refusal(command, code=2)


def test_it_is_a_process_that_reads_a_pipe_and_ends_with_a_code(
    admin: Admin, tmp_path: Path
) -> None:
    assert json.loads(admin.spawn("queues", "--json").stdout)["queues"]
    for arguments, code in ((["orders", "show", "0"], 1), (["orders", "show", "?"], 2)):
        ended = admin.spawn(*arguments)
        assert (ended.returncode, ended.stdout) == (code, "")
        assert "Traceback" not in ended.stderr
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=[admin.env_file.read_text()])
    writer.start()
    assert Admin(pipe).spawn("queues").returncode == 0, "as with <(make env)"
    writer.join()


def test_queues_and_alarms(admin: Admin, owner: psycopg.Connection[Row]) -> None:
    subject = f"test {uuid.uuid4()}"
    owner.execute("select private.raise_alarm('old_message', %s)", (subject,))
    shown = admin.json("queues")
    assert {queue["queue"] for queue in shown["queues"]} >= {"orders", "emails"}
    assert subject in {alarm["subject"] for alarm in shown["alarms"]}
    assert subject in admin.text("queues")

    (alarm,) = [one for one in admin.json("alarms", "list") if one["subject"] == subject]
    assert subject in admin.text("alarms", "acknowledge", alarm["id"])
    assert subject not in admin.text("alarms", "list")
    assert subject in admin.text("alarms", "list", "--all")
    assert admin.refusal("alarms", "acknowledge", uuid.uuid4()) == "There is no such alarm."


def test_the_installed_command_is_this_one(capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = entry_points(group="console_scripts", name="orderbase-admin")
    with pytest.raises(SystemExit):
        script.load()(["--help"])
    assert "dead-letters" in capsys.readouterr().out
