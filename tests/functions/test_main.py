"""The processes that are deployed: they start, answer, log, and stop as they should."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local_stack.ports import HOST, Ports
from local_stack.settings import REPOSITORY
from tests.functions.test_settings import GOOD

APPS = {
    "functions.main:app": [
        *("/orders/wake", "/orders/stripe", "/emails/wake", "/analytics/wake", "/webhooks/wake"),
        *("/schedules/wake", "/images/wake"),
    ],
    "functions.orders.main:app": ["/orders/wake", "/orders/stripe"],
    "functions.emails.main:app": ["/emails/wake"],
    "functions.images.main:app": ["/images/wake"],
    "functions.schedules.main:app": ["/schedules/wake"],
    "functions.api.main:app": [],
    "functions.analytics.main:app": ["/analytics/wake"],
    "functions.webhooks.main:app": ["/webhooks/wake"],
}


def command(app: str, port: int) -> list[str]:
    return [sys.executable, "-m", "uvicorn", app, "--host", HOST, "--port", str(port)]


def environment(**changed: str) -> dict[str, str]:
    """The variables, with a database where nobody listens."""
    closed = {"SUPABASE_URL": f"http://{HOST}:{Ports.free().rest}"}
    return {"PATH": os.environ["PATH"], **GOOD, **closed, **changed}


@contextmanager
def running(app: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = Ports.free().functions
    process = subprocess.Popen(  # noqa: S603 - our own command
        command(app, port),
        cwd=REPOSITORY,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield f"http://{HOST}:{port}", process
    finally:
        process.kill()
        process.communicate()


def status(method: str, url: str) -> int:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own address
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_until_live(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert status("GET", f"{url}/health") == 200
        except urllib.error.URLError:
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize("app", APPS)
def test_each_app_answers_its_own_paths_and_stops_cleanly(app: str) -> None:
    with running(app) as (url, process):
        wait_until_live(url)
        for path in {"/emails/stripe"}.union(*APPS.values()):
            # Beside other routes of the same form, it is the method that is not there.
            assert status("POST", url + path) in ({401} if path in APPS[app] else {404, 405})
        assert status("GET", f"{url}/metrics") == 404
        assert status("GET", f"{url}/health/ready") == 503
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in output.splitlines()]
    assert {"Application startup complete.", "request"} <= {line["message"] for line in lines}
    for secret in ("canary", GOOD["WEBHOOK_SECRET"]):
        assert secret not in output


@pytest.mark.parametrize("app", APPS)
def test_without_its_environment_it_says_so_in_one_line(app: str) -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        command(app, Ports.free().functions),
        cwd=REPOSITORY,
        env=environment(WEBHOOK_SECRET=""),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "WEBHOOK_SECRET is not set.\n")


@pytest.mark.parametrize(
    ("module", "stranger"),
    [
        ("functions.orders.main", "jinja2"),
        ("functions.emails.main", "stripe"),
        ("functions.api.main", "stripe"),
        ("functions.api.main", "redis"),
    ],
)
def test_a_function_alone_imports_no_dependency_of_another(module: str, stranger: str) -> None:
    code = f"import sys, {module}; print({stranger!r} in sys.modules)"
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "False\n"
