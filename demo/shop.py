"""The running shop, as `make env` describes it."""

import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from typing import Any

import aiohttp
from dotenv import dotenv_values


class StoppedError(Exception):
    """The visit cannot go on; the message says why."""


@dataclass(frozen=True)
class Shop:
    """Addresses and the public key."""

    url: str
    key: str
    mail_url: str

    @classmethod
    def from_make_env(cls) -> "Shop":
        """The shop that `make up` started.

        Raises:
            StoppedError: none runs.
        """
        _stack("status")
        lines = dotenv_values(stream=StringIO(_stack("env")))
        return cls(
            url=lines["SUPABASE_URL"] or "",
            key=lines["SUPABASE_PUBLISHABLE_KEY"] or "",
            mail_url=lines["MAIL_URL"] or "",
        )

    async def mails_to(self, email: str) -> list[dict[str, Any]]:
        """What the inbox holds for the address, oldest first."""
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.get(
                f"{self.mail_url}/api/v1/search", params={"query": f"to:{email}"}
            ) as answer,
        ):
            found: list[dict[str, Any]] = (await answer.json())["messages"]
        return sorted(found, key=lambda mail: str(mail["Created"]))


def _stack(command: str) -> str:
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "local_stack", command], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise StoppedError(f"{result.stderr.strip()} Start the shop: make up.")
    return result.stdout
