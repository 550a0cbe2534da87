"""Which operating-system account runs PostgreSQL: it refuses to run as root."""

import hashlib
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = "nobody"


def popen_arguments() -> Mapping[str, Any]:
    """What `subprocess` needs so that the child does not run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": SERVICE_ACCOUNT, "group": _entry().pw_gid, "extra_groups": []}


def give(path: Path) -> None:
    """Make the folder belong to the account that PostgreSQL runs under."""
    if os.geteuid() == 0:
        os.chown(path, _entry().pw_uid, _entry().pw_gid)


def reachable(folder: Path) -> Path:
    """The folder itself, or one in /var/lib when that account cannot get there."""
    if os.geteuid() != 0 or all(_is_open(parent) for parent in folder.absolute().parents):
        return folder
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return Path("/var/lib/orderbase") / name


def _is_open(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & 0o001)


def _entry() -> pwd.struct_passwd:
    return pwd.getpwnam(SERVICE_ACCOUNT)
