"""The command `orderbase`: a shop at the terminal. It needs `orderbase[cli]`."""

import sys


def main() -> int:
    """Run one command; the exit code.

    0: done. 1: the shop refused, or the order did not end well. 2: the command is not right.
    130: interrupted.
    """
    try:
        from orderbase.cli.app import run  # noqa: PLC0415 - needs what an extra installs
    except ModuleNotFoundError as missing:
        if missing.name not in ("platformdirs", "rich", "typer"):
            raise
        sys.stderr.write("orderbase: the command needs more packages: install orderbase[cli].\n")
        return 2
    return run()
