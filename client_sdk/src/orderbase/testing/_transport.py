"""The line to the fake shop: no network, and faults on demand."""

import asyncio

from orderbase._http import Request, Response
from orderbase.testing._faults import Faults, response_of
from orderbase.testing._feed import Hints, Listener
from orderbase.testing._received import Received
from orderbase.testing._server import Server


class FakeTransport:
    """Carries the requests of one client to the fake shop.

    What happens there is heard at once: there is no Realtime, and nothing is polled.
    """

    def __init__(self, server: Server, faults: Faults, hints: Hints) -> None:
        self._server = server
        self._faults = faults
        self._hints = hints

    async def send(self, request: Request) -> Response:
        """The fake shop's answer, or the fault that the test has planned.

        Raises:
            ConnectionFailed: the test wished it.
        """
        await asyncio.sleep(0)
        received = Received.of(request)
        if fault := self._faults.take(received.path, after_effect=False):
            return response_of(fault) or await _never()
        response = self._server.answer(received)
        if fault := self._faults.take(received.path, after_effect=True):
            return response_of(fault) or await _never()
        return response

    def listener(self) -> Listener:
        """What tells a watch that there is something to read."""
        return self._hints.listener()

    async def aclose(self) -> None:
        """Nothing was opened."""


async def _never() -> Response:
    await asyncio.Event().wait()
    raise AssertionError
