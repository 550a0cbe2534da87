"""What happens by itself when its time has come: refunds end, authorisations expire."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from local_stack.payments.commits import Commits
from local_stack.payments.ledger import Document, Ledger

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1


class Timetable:
    """Does what the ledger plans, by the double's clock; `turns` are what to do per kind."""

    def __init__(
        self,
        ledger: Ledger,
        commits: Commits,
        clock: Callable[[], float],
        turns: Mapping[str, Callable[[Document], None]],
    ) -> None:
        self._ledger = ledger
        self._commits = commits
        self._clock = clock
        self._turns = turns

    async def keep(self) -> None:
        """Do what is due by now, so that nobody sees the time before."""
        if self._ledger.next_plan <= self._clock():
            await self._commits.run(self._take_turns)

    async def run(self) -> None:
        """Keep the plans until cancelled, also when nobody calls."""
        while True:
            try:
                await self.keep()
            except Exception:  # noqa: BLE001 - one bad turn does not end the others
                _LOG.exception("what was due did not happen")
            await asyncio.sleep(_POLL_SECONDS)

    def _take_turns(self) -> None:
        for document in self._ledger.take_plans(self._clock()):
            self._turns[document["object"]](document)
