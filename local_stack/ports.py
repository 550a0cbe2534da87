"""Where each service listens on the loopback interface."""

import fcntl
import json
import os
import socket
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from local_stack.errors import StackError

HOST = "127.0.0.1"
OFFSET_VARIABLE = "ORDERBASE_PORT_OFFSET"

# Below the ports that Linux and macOS lend to outgoing connections: one of those could take a
# port between the look and the start of the service.
_BLOCKS = range(12_000, 32_000, 10)


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1; the defaults are those of `supabase start`."""

    api: int = 54321
    postgres: int = 54322
    mail: int = 54324
    smtp: int = 54325
    rest: int = 54326
    rest_admin: int = 54327
    payments: int = 54328
    functions: int = 8000
    web: int = 3000

    @classmethod
    def from_environment(cls) -> "Ports":
        """The default ports, each moved by ORDERBASE_PORT_OFFSET.

        Raises:
            StackError: the offset is not a number, or moves a port out of range.
        """
        text = os.environ.get(OFFSET_VARIABLE, "0")
        if not text.isdecimal() or int(text) + cls.postgres > 65_000:
            raise StackError(f"{OFFSET_VARIABLE}={text!r} must be a number from 0 to 10000.")
        unmoved = cls()
        return cls(*(getattr(unmoved, field.name) + int(text) for field in fields(cls)))

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody listens on now, for a stack that lives as long as a test.

        No two callers on this machine get the same ones until all blocks had their turn.

        Raises:
            StackError: every block has a busy port.
        """
        for _ in _BLOCKS:
            first = _next_block()
            ports = cls(*range(first, first + len(fields(cls))))
            with suppress(StackError):
                ports.require_free()
                return ports
        raise StackError(f"No ports are free from {_BLOCKS.start} to {_BLOCKS.stop}.")

    @classmethod
    def load(cls, path: Path) -> "Ports":
        """The ports that `save` wrote."""
        return cls(**json.loads(path.read_text("utf-8")))

    def save(self, path: Path) -> None:
        """Keep them for the processes of this stack, and for those that ask about it."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    def require_free(self) -> None:
        """Refuse to start over somebody else's service.

        Raises:
            StackError: naming the first busy port and the way around it.
        """
        for field in fields(self):
            port: int = getattr(self, field.name)
            try:
                socket.create_server((HOST, port)).close()
            except OSError as error:
                raise StackError(
                    f"Port {port} ({field.name}) is busy. Stop what listens there, "
                    f"or move all ports: {OFFSET_VARIABLE}=1000 make up."
                ) from error


def _next_block() -> int:
    """The first port of the block after the one that was taken last, by whichever process."""
    path = Path(tempfile.gettempdir()) / f"orderbase-ports-{os.getuid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = file.read()
        turn = (int(last) + 1) % len(_BLOCKS) if last.isdecimal() else 0
        file.seek(0)
        file.truncate()
        file.write(str(turn))
    return _BLOCKS[turn]
