"""One conversation with a mail server, from the greeting on: a message after the other.

Where the server offers PIPELINING (RFC 2920), the commands of a message travel together.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_REPLY = 65_536
_TAKEN = range(200, 300)
_GO_ON = 354
_CLOSING = 421


@dataclass(frozen=True)
class Reply:
    """What the server said."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Refused(Exception):  # noqa: N818 - says what happened
    """The server will not take this message, at least not now."""

    def __init__(self, command: str, reply: Reply) -> None:
        super().__init__(f"{command} was answered with {reply}")
        self.command = command
        self.reply = reply


class Gone(Exception):  # noqa: N818 - says what happened
    """The server ended the conversation."""


class Conversation(asyncio.Protocol):
    """Takes over a transport whose server has been greeted."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool) -> None:
        self._transport = transport
        self._pipelining = pipelining
        self._buffer = b""
        self._said: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._expected = 0
        self._news: asyncio.Future[None] | None = None
        self._lost = False
        self._unfinished = False
        transport.set_protocol(self)

    @property
    def usable(self) -> bool:
        return not (self._lost or self._transport.is_closing())

    async def offer(self, sender: str, recipient: str) -> None:
        """Have the server ready to take a message. Until then it has none.

        Raises:
            Refused: it will not; another message can be offered.
            Gone: see there.
        """
        commands = [f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"]
        if self._unfinished:
            commands.insert(0, "RSET")
        self._unfinished = True
        replies = await self._say(commands)
        refusals = _refusals(commands, replies)
        if not refusals:
            return
        if len(replies) == len(commands) and replies[-1].code == _GO_ON:
            # The server wants a message to a recipient whom it refused: it gets an empty one.
            await self._say(["."])
        command, reply = refusals[0]
        if reply.code == _CLOSING:
            raise Gone(str(reply))
        raise Refused(command.partition(" ")[0], reply)

    async def hand_over(self, message: bytes) -> Reply:
        """Send a message, of lines that end in CRLF, after it was offered.

        Raises:
            Gone: the server may have it.
        """
        dotted = message.replace(b"\r\n.", b"\r\n..")
        self._write(dotted + b".\r\n")
        await self._replied(1)
        self._unfinished = False
        return self._replies.popleft()

    async def quit(self) -> None:
        """Take leave.

        Raises:
            Gone: the server was quicker.
        """
        await self._say(["QUIT"])
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    async def _say(self, commands: Sequence[str]) -> list[Reply]:
        """Replies to the commands, or to those up to the first that was refused."""
        groups = [commands] if self._pipelining else [[command] for command in commands]
        replies: list[Reply] = []
        for group in groups:
            self._write("".join(f"{command}\r\n" for command in group).encode("ascii"), len(group))
            await self._replied(len(group))
            replies += [self._replies.popleft() for _ in group]
            if _refusals(commands, replies):
                break
        return replies

    def _write(self, data: bytes, replies: int = 1) -> None:
        if not self.usable:
            raise Gone("the connection is closed")
        self._expected += replies
        self._transport.write(data)

    async def _replied(self, count: int) -> None:
        while len(self._replies) < count:
            if self._lost:
                raise Gone("the connection was closed")
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._read(line)
        if len(self._buffer) + len(self._said) > _MAX_REPLY:
            self.close()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lost = True
        self._wake()

    def _read(self, line: bytes) -> None:
        self._said.append(line[4:].strip())
        if line[3:4] == b"-":
            return
        if not (line[:3].isdigit() and self._expected):
            # Nothing was asked, or it is no answer: what comes next could be anybody's.
            self.close()
            return
        self._expected -= 1
        text = b" ".join(self._said).decode("utf-8", "replace")
        self._said.clear()
        self._replies.append(Reply(int(line[:3]), text))

    def _wake(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)


def _refusals(commands: Sequence[str], replies: Sequence[Reply]) -> list[tuple[str, Reply]]:
    return [
        (command, reply)
        for command, reply in zip(commands, replies, strict=False)
        if not (reply.code == _GO_ON if command == "DATA" else reply.code in _TAKEN)
    ]
