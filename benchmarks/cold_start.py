"""From the start of a process to its first answer: each function alone, against a bare FastAPI app.

Each process sees only what its extra brings (see `deploy/alone.py`); the bare app sees the kit's,
and imports FastAPI. They take turns, so that a machine that slows down slows all of them.
"""

import http.client
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from benchmarks.report import Report
from deploy.alone import assemble, serve
from local_stack.ports import HOST, Ports

_ROUNDS = 15
_PATIENCE = 20.0
_FUNCTIONS = ("orders", "emails", "api", "images", "schedules", "webhooks", "analytics")
_BARE = "bare"
_APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
"""
_ENVIRONMENT = {
    "SUPABASE_SECRET_KEY": "sb_secret_of_a_benchmark",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of_a_benchmark",
    "WEBHOOK_SECRET": "whsec_0123456789abcdef0123456789",
    "STRIPE_API_KEY": "sk_test_of_a_benchmark",
    "SMTP_URL": f"smtp://{HOST}:9",
    "WEB_URL": f"http://{HOST}:9",
}
"""Nobody listens there: a first answer needs nobody else."""


def seconds(folder: Path, app: str, method: str, path: str) -> float:
    """Until a new process has answered its first request.

    Raises:
        TimeoutError: it does not.
    """
    ports = Ports.free()
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own command
        serve(folder, app, ports.functions),
        env=_ENVIRONMENT | {"SUPABASE_URL": f"http://{HOST}:{ports.rest}"},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() < begun + _PATIENCE:
            if _answers(ports.functions, method, path):
                return time.perf_counter() - begun
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
    raise TimeoutError(f"{app} does not answer")


def _answers(port: int, method: str, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE)
    try:
        connection.request(method, path)
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _prepare(home: Path) -> None:
    for name in (*_FUNCTIONS, _BARE):
        (home / name).mkdir()
        assemble(home / name, name) if name != _BARE else assemble(home / name, "kit")
    (home / _BARE / "bare.py").write_text(_APP, "utf-8")


def main() -> None:
    """Measure and print the table."""
    health, work = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory(prefix="orderbase-bench-") as folder:
        home = Path(folder)
        _prepare(home)
        for _ in range(_ROUNDS + 1):
            health[_BARE].append(seconds(home / _BARE, "bare:app", "GET", "/health"))
            for name in _FUNCTIONS:
                app, site = f"functions.{name}.main:app", home / name
                health[name].append(seconds(site, app, "GET", "/health"))
                call = ("GET", "/orders") if name == "api" else ("POST", f"/{name}/wake")
                work[name].append(seconds(site, app, *call))
    report = Report("From the start of a process to its first answer")
    bare = median(health[_BARE][1:])  # the first round fills the disk's cache
    report.add("bare FastAPI, /health", bare * 1000, "ms")
    for name in _FUNCTIONS:
        report.add(f"{name} / bare, /health", median(health[name][1:]) / bare, "x", at_most=1.5)
        report.add(f"{name} / bare, a call of its own", median(work[name][1:]) / bare, "x", 1.5)
    report.show()
