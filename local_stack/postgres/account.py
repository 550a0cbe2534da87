"""Which operating-system account runs PostgreSQL: it refuses to run as root."""

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


def can_reach(folder: Path) -> bool:
    """Whether that account may pass through every folder above `folder`."""
    if os.geteuid() != 0:
        return True
    return all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents])


def _entry() -> pwd.struct_passwd:
    return pwd.getpwnam(SERVICE_ACCOUNT)
