"""Stands between the functions and the mail server, and breaks what they say to each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from local_stack.ports import HOST
from local_stack.settings import Settings

Mode = Literal["pass", "drop_before_data", "drop_after_data", "refuse"]

_END_OF_MAIL = b"\r\n.\r\n"
_CHUNK = 65_536
_ANSWER_SECONDS = 5


class SmtpProxy:
    """One listener before one mail server."""

    def __init__(self, target: int) -> None:
        self.mode: Mode = "pass"
        """drop_before_data: hangs up on who offers a mail. drop_after_data: the server has taken
        the mail, and the sender never hears of it. refuse: hangs up on everybody."""
        self.left = 0
        """How many mails are still to be dropped."""
        self.port = 0
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """What to set as SMTP_URL."""
        return f"smtp://{HOST}:{self.port}"

    def drop(self, mode: Mode, times: int = 1) -> None:
        """Break the next mails."""
        self.mode, self.left = mode, times

    def refuse(self) -> None:
        """Be gone, also for those who are connected."""
        self.mode = "refuse"
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        if self.mode == "refuse":
            writer.transport.abort()
            return
        answers, server = await asyncio.open_connection(HOST, self._target)
        self._open |= {writer, server}
        unheard = asyncio.Event()
        muted = asyncio.Event()
        back = asyncio.create_task(_answer(answers, writer, muted, unheard))
        try:
            with suppress(OSError, TimeoutError):
                await self._forward(reader, server, muted, unheard)
        finally:
            back.cancel()
            for one in (writer, server):
                one.transport.abort()
                self._open.discard(one)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        muted: asyncio.Event,
        unheard: asyncio.Event,
    ) -> None:
        tail = b""
        while data := await reader.read(_CHUNK):
            tail = tail[-len(_END_OF_MAIL) :] + data
            if b"MAIL FROM" in data and self._strikes("drop_before_data"):
                return
            if tail.endswith(_END_OF_MAIL) and self._strikes("drop_after_data"):
                muted.set()
            server.write(data)
            await server.drain()
            if muted.is_set():
                await asyncio.wait_for(unheard.wait(), _ANSWER_SECONDS)
                return

    def _strikes(self, mode: Mode) -> bool:
        if self.mode != mode or self.left <= 0:
            return False
        self.left -= 1
        if self.left == 0:
            self.mode = "pass"
        return True


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    muted: asyncio.Event,
    unheard: asyncio.Event,
) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            if muted.is_set():
                unheard.set()
            else:
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def smtp_proxy(settings: Settings) -> AsyncIterator[SmtpProxy]:
    """In front of the mail server of a stack."""
    proxy = SmtpProxy(settings.ports.smtp)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.refuse()
