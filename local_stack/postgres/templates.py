"""Clusters to copy: created and migrated once, so that a test's stack starts in a moment."""

import hashlib
import os
import shutil
from pathlib import Path

from local_stack.postgres import account, binaries

BOOTSTRAP = Path(__file__).parent / "bootstrap"
MADE = "made"
"""In a cluster's folder: the cluster is whole. Written last, so a killed start begins afresh."""


def fingerprint(repository: Path) -> str:
    """What a migrated cluster depends on; another text means another template."""
    digest = hashlib.sha256(binaries.fingerprint(repository).encode())
    supabase = repository / "supabase"
    migrations = sorted((supabase / "migrations").glob("*.sql"))
    for path in [*sorted(BOOTSTRAP.glob("*.sql")), *migrations, supabase / "seed.sql"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def copy(template: Path, target: Path) -> None:
    """A cluster of one's own, as the template is."""
    source = account.reachable(template / "postgres")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(MADE))
    for folder, _, files in os.walk(target):
        account.give(Path(folder))
        for name in files:
            account.give(Path(folder, name))
    (target / MADE).touch()
