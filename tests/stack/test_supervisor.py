"""Starting and stopping the stack as a person does, and what happens when parts of it die."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from local_stack.instance import Instance
from local_stack.postgres.cluster import Cluster
from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings
from tests.conftest import stack_command

PARTS = {
    "postgres": "/bin/postgres -D",
    "rest": "/postgrest",
    "payments": "local_stack.payments",
    "services": "local_stack host",
    "functions": "uvicorn functions.main:app",
}


def processes_of(home: Path) -> dict[int, str]:
    """The command line of every living process that was started for the stack in `home`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue
        if f"{HOME_VARIABLE}={home}".encode() in environment and command:
            found[int(folder.name)] = command
    return found


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack, if a test leaves one, is stopped."""
    folder = tmp_path / "home"
    yield folder
    stack_command(folder, "reset")


def start(home: Path, *options: str) -> None:
    result = stack_command(home, "up", "--free-ports", "--fast", *options)
    assert result.returncode == 0, result.stdout + result.stderr


def run_in_foreground(home: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "local_stack", "run", "--free-ports", "--fast"],
        cwd=REPOSITORY,
        env=os.environ | {HOME_VARIABLE: str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: Instance(home).ready or process.poll() is not None)
    return process


def test_up_twice_says_so_and_down_leaves_nothing(home: Path) -> None:
    start(home)
    again = stack_command(home, "up", "--free-ports")
    assert again.returncode == 0
    assert "already runs" in again.stdout
    assert stack_command(home, "status").returncode == 0
    assert "Stopped." in stack_command(home, "down").stdout
    assert processes_of(home) == {}
    assert stack_command(home, "status").returncode == 1
    assert "does not run" in stack_command(home, "down").stdout


def test_data_and_keys_outlive_a_restart(home: Path) -> None:
    start(home)
    before = stack_command(home, "env").stdout
    stack_command(home, "down")
    start(home)
    key = "SUPABASE_SECRET_KEY="
    after = stack_command(home, "env").stdout
    assert [line for line in before.splitlines() if line.startswith(key)] == [
        line for line in after.splitlines() if line.startswith(key)
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_sigterm_and_a_closed_terminal_stop_everything(
    home: Path, number: signal.Signals
) -> None:
    process = run_in_foreground(home)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert processes_of(home) == {}


@pytest.mark.parametrize("part", sorted(PARTS))
def test_when_one_part_dies_all_stop_with_a_message(home: Path, part: str) -> None:
    process = run_in_foreground(home)
    [victim] = [pid for pid, line in processes_of(home).items() if PARTS[part] in line]
    os.kill(victim, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ended (killed by SIGKILL), so everything was stopped" in output
    wait_for(lambda: processes_of(home) == {})  # orphans of Postgres end by themselves
    assert "killed by SIGKILL" in stack_command(home, "status").stderr


def test_no_part_outlives_a_killed_supervisor_and_the_next_start_recovers(home: Path) -> None:
    process = run_in_foreground(home)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: processes_of(home) == {})
    start(home)


def test_a_stale_pid_file_of_a_crashed_postgres_does_not_matter(home: Path) -> None:
    process = run_in_foreground(home)
    pid_file = Cluster(Settings.of_home(home)).data / "postmaster.pid"
    content = pid_file.read_text()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    pid_file.write_text(content.replace(content.split("\n")[0], "999999", 1))
    start(home)


def test_a_busy_port_is_named_with_the_way_out(home: Path) -> None:
    offset = "7000"
    with socket.create_server(("127.0.0.1", 54322 + int(offset))):
        result = stack_command(home, "up", offset=offset)
    assert result.returncode == 1
    [line] = result.stderr.strip().splitlines()
    assert "Port 61322 (postgres) is busy" in line
    assert "ORDERBASE_PORT_OFFSET" in line


@pytest.mark.parametrize("offset", ["x", "-1", "99999"])
def test_an_offset_that_is_no_offset_is_refused(home: Path, offset: str) -> None:
    result = stack_command(home, "up", offset=offset)
    assert result.returncode == 1
    assert "must be a number" in result.stderr


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    result = stack_command(blocked / "home", "up", "--free-ports")
    assert result.returncode == 1
    [line] = result.stderr.strip().splitlines()
    assert "Cannot write to" in line


def test_of_several_starts_at_once_one_wins_and_the_others_say_so(home: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        results = list(
            pool.map(lambda _: stack_command(home, "up", "--free-ports", "--fast"), range(3))
        )
    assert [result.returncode for result in results] == [0, 0, 0], results
    said = sorted("already runs" in result.stdout for result in results)
    assert said == [False, True, True]


def test_the_database_of_a_home_that_was_deleted_by_hand_is_not_taken_for_ours(home: Path) -> None:
    start(home)
    stack_command(home, "down")
    shutil.rmtree(home)
    start(home)


def test_no_secret_stands_in_a_command_line(home: Path) -> None:
    seen: set[str] = set()
    process = subprocess.Popen(
        [sys.executable, "-m", "local_stack", "up", "--free-ports"],
        cwd=REPOSITORY,
        env=os.environ | {HOME_VARIABLE: str(home)},
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None:
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.add(command.read_bytes().decode(errors="replace"))
        time.sleep(0.005)
    assert process.returncode == 0
    assert any("supabase" in command and "push" in command for command in seen)
    keys = json.loads((home / "keys.json").read_text())
    secrets = [str(secret) for secret in keys.values() if secret]
    assert not [secret for secret in secrets for command in seen if secret in command]
