"""Conversations with mail servers that behave as few do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from functions.emails.message import compose
from functions.emails.render import Mail
from functions.emails.send import Mailer
from functions.emails.settings import MailServer, parse_mailbox
from functions.kit.queue import Outcome
from local_stack.ports import HOST

SENDER = parse_mailbox("orders@example.com")
RECIPIENT = "ana@example.org"
MESSAGE = compose(Mail("Hello", "Hello\n.\n", ""), SENDER, RECIPIENT, "id")


class Server:
    """Answers each command as it is told, else politely; notes what it hears."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.heard: list[str] = []

    @asynccontextmanager
    async def mailer(self) -> AsyncIterator[Mailer]:
        async with await asyncio.start_server(self._serve, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            mailer = Mailer(MailServer.of_url(f"smtp://{HOST}:{port}"), SENDER, timeout=10)
            yield mailer
            await mailer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append("connected")
        writer.write(b"220 hello\r\n")
        while line := (await reader.readline()).decode().rstrip():
            command = line.partition(" ")[0]
            self.heard.append(command)
            answer = self.answers.get(command, _POLITE.get(command, "250 OK\r\n"))
            writer.write(answer.encode())
            if answer.startswith("354"):
                content = b"\r\n"
                while not content.endswith(b"\r\n.\r\n"):
                    content += await reader.readline()
                self.heard.append("nothing" if content == b"\r\n.\r\n" else "a message")
                writer.write(self.answers.get("taken", "250 OK\r\n").encode())
        writer.close()


_POLITE = {"EHLO": "250-server\r\n250 PIPELINING\r\n", "DATA": "354 go on\r\n"}


async def test_a_server_that_wants_a_message_for_a_refused_recipient_gets_an_empty_one() -> None:
    server = Server(RCPT="550-5.1.1 Nobody\r\n550 5.1.1 here\r\n")
    async with server.mailer() as mailer:
        outcome = await mailer.send(MESSAGE, RECIPIENT)
        assert outcome.data == {"bounced": True}
        assert outcome.error == "RCPT was answered with 550 5.1.1 Nobody 5.1.1 here"
        server.answers.clear()
        assert await mailer.send(MESSAGE, RECIPIENT) == Outcome("sent")
    offer = ["MAIL", "RCPT", "DATA"]
    assert server.heard[2:] == [*offer, "nothing", "RSET", *offer, "a message", "QUIT"]


async def test_what_nobody_asked_for_answers_nothing() -> None:
    server = Server(taken="250 OK\r\n250 and one more\r\n")
    async with server.mailer() as mailer:
        assert [await mailer.send(MESSAGE, RECIPIENT) for _ in range(2)] == [Outcome("sent")] * 2
    assert server.heard.count("connected") == 2


async def test_an_answer_without_end_is_not_kept() -> None:
    server = Server(MAIL="250-more\r\n" * 70_000)
    async with server.mailer() as mailer:
        outcome = await mailer.send(MESSAGE, RECIPIENT)
    assert (outcome.status, outcome.error) == ("retry", "Gone the connection was closed")


async def test_a_server_that_goes_while_it_has_the_message() -> None:
    server = Server(taken="nonsense\r\n")
    async with server.mailer() as mailer:
        assert (await mailer.send(MESSAGE, RECIPIENT)).status == "unknown"
