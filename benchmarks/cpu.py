"""CPU seconds of the parts of a stack, from Linux's /proc: where the time goes."""

import os
from collections.abc import Iterator
from pathlib import Path

from local_stack.postgres.cluster import Cluster
from local_stack.settings import HOME_VARIABLE, Settings

_TICKS = os.sysconf("SC_CLK_TCK")
_MARKS = {
    "functions.main:app": "worker",
    "benchmarks.peers": "worker",
    "/postgrest": "PostgREST",
    "local_stack.payments": "Stripe double",
    "local_stack host": "services",
}

Seconds = dict[str, float]
"""By part."""


def used(settings: Settings) -> Seconds:
    """What each part has used since it started."""
    parts = dict.fromkeys(("postgres", *_MARKS.values()), 0.0)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            part = _part(folder, settings)
            if part:
                parts[part] += sum(_seconds(folder, with_ended=part == "postgres"))
        except OSError:
            continue
    return parts


def since(before: Seconds, settings: Settings) -> Seconds:
    """What each part has used since then."""
    return {part: seconds - before[part] for part, seconds in used(settings).items()}


def of_process(number: int) -> float:
    """Seconds of one process, by its number."""
    return sum(_seconds(Path(f"/proc/{number}"), with_ended=False))


def _part(folder: Path, settings: Settings) -> str | None:
    """PostgreSQL's children overwrite their environment; their working directory is the data."""
    if (folder / "cwd").readlink() == Cluster(settings).data:
        return "postgres"
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    part = next((part for mark, part in _MARKS.items() if mark in command), None)
    ours = f"{HOME_VARIABLE}={settings.home}".encode()
    return part if part and ours in (folder / "environ").read_bytes().split(b"\0") else None


def _seconds(folder: Path, *, with_ended: bool) -> Iterator[float]:
    """Of the process, and of its children that have ended."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    for ticks in fields[11 : 15 if with_ended else 13]:
        yield int(ticks) / _TICKS
