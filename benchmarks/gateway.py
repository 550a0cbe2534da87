"""REST through the gateway against PostgREST itself, and what the idle stack weighs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.report import Report
from benchmarks.stack import stack
from local_stack.postgres.cluster import Cluster
from local_stack.settings import HOME_VARIABLE, REPOSITORY, Settings

_ROUNDS = 5
_SECONDS = 2.0
_QUERY = "/products?select=id,name&id=eq.00000000-0000-4000-8000-000000000001"


def calls_per_second(url: str, headers: dict[str, str]) -> float:
    """Of a load generator in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        cwd=REPOSITORY,
        input=json.dumps({"url": url, "headers": headers, "seconds": _SECONDS}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(result.stdout)["per_second"])


def memory_of(settings: Settings) -> Iterator[float]:
    """MiB of each process of the stack: its own pages, and its share of the shared ones."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            rollup = (folder / "smaps_rollup").read_text()
        except OSError:
            continue
        parent = f"{HOME_VARIABLE}={settings.home}".encode()
        if parent in environment or _is_backend(folder, settings):
            [line] = [line for line in rollup.splitlines() if line.startswith("Pss:")]
            yield int(line.split()[1]) / 1024


def _is_backend(folder: Path, settings: Settings) -> bool:
    """PostgreSQL's children overwrite their environment; their working directory is the data."""
    try:
        return (folder / "cwd").readlink() == Cluster(settings).data
    except OSError:
        return False


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("The gateway")
    with stack() as started:
        settings = started.settings
        report.add("all processes of the idle stack", sum(memory_of(settings)), "MiB", 350)
        key = {"apikey": settings.keys.publishable_key}
        direct, through = [], []
        for _ in range(_ROUNDS):
            direct.append(calls_per_second(settings.rest_url + _QUERY, {}))
            through.append(calls_per_second(f"{settings.api_url}/rest/v1{_QUERY}", key))
        report.add("PostgREST itself, 16 in flight", median(direct), "calls/s")
        report.add("through the gateway, 16 in flight", median(through), "calls/s")
        ratio = median(ours / peer for ours, peer in zip(through, direct, strict=True))
        report.add("gateway / PostgREST", ratio, "x", at_least=0.6)
    report.show()
