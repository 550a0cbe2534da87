"""The received messages: one .eml file each, the newest kept, the index in memory."""

import asyncio
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local_stack.errors import StackError
from local_stack.mail.message import Json, Message

MAX_MESSAGES = 1_000
MAX_BYTES = 100 * 1024 * 1024
_SEARCHED_TEXT = 10_000
_SEEN = ".seen.eml"
_NAME = re.compile(r"([0-9a-f]{22})(\.seen)?\.eml")
_TERM = re.compile(r'([-!]?)(?:(from|to|cc|bcc|subject):)?("[^"]*"|\S+)', re.IGNORECASE)


@dataclass
class Entry:
    """What the index knows of one message; `path` says whether somebody has read it."""

    id: str
    path: Path
    size: int
    envelope: Json
    snippet: str
    attachments: int
    searched: dict[str, str]
    """Lower-case text by search field; the empty field is free text."""

    @property
    def received(self) -> datetime:
        return datetime.fromtimestamp(int(self.id[:14], 16) / 1e6, UTC)

    @property
    def read(self) -> bool:
        return self.path.name.endswith(_SEEN)

    def summary(self) -> Json:
        """The message as Mailpit lists it."""
        return self.envelope | {
            "ID": self.id,
            "Read": self.read,
            "Created": self.received.isoformat(),
            "Attachments": self.attachments,
            "Snippet": self.snippet,
        }


class Mailbox:
    """Every message that was received, until newer ones need its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Entry] = {}
        """Oldest first."""
        self._bytes = 0

    @classmethod
    async def open(cls, folder: Path) -> "Mailbox":
        """The mailbox kept in `folder`, which is made if it is not there.

        Raises:
            StackError: the folder cannot be written.
        """
        mailbox = cls(folder)
        try:
            await asyncio.to_thread(mailbox._load)
        except OSError as error:
            raise StackError(f"Cannot keep mail in {folder}: {error}") from error
        return mailbox

    def __len__(self) -> int:
        return len(self._entries)

    async def add(self, raw: bytes) -> Entry:
        """Keep one message, and drop the oldest ones where that takes too much room.

        Raises:
            OSError: the disk refuses.
            RecursionError: its parts are nested too deeply to be read.
        """
        entry = await asyncio.to_thread(self._write, raw)
        self._insert(entry)
        self._drop_oldest()
        return entry

    def newest_first(self) -> list[Entry]:
        return [self._entries[mail_id] for mail_id in sorted(self._entries, reverse=True)]

    def search(self, query: str) -> list[Entry]:
        """The messages that match every term: `from: to: cc: bcc: subject:` or free text.

        Quotes keep words together; `-` or `!` before a term turns it round.
        """
        terms = [
            (field.lower(), text.strip('"').lower(), bool(turned))
            for turned, field, text in _TERM.findall(query)
        ]
        return [
            entry
            for entry in self.newest_first()
            if all((text in entry.searched[field]) != turned for field, text, turned in terms)
        ]

    def find(self, mail_id: str) -> Entry | None:
        """The entry with this ID; `latest` is the newest one."""
        if mail_id == "latest":
            return next(iter(self.newest_first()), None)
        return self._entries.get(mail_id)

    async def read(self, entry: Entry) -> Message | None:
        """The message itself; None if somebody took its file away."""
        try:
            return Message(await asyncio.to_thread(entry.path.read_bytes))
        except FileNotFoundError:
            self._remove(entry.id)
            return None

    def mark_read(self, entry: Entry) -> None:
        """Remember, in the file's name, that somebody has seen it."""
        if not entry.read:
            entry.path = entry.path.rename(entry.path.with_name(entry.id + _SEEN))

    def delete(self, mail_ids: Collection[str]) -> None:
        """Delete these messages; unknown IDs are ignored."""
        for mail_id in mail_ids:
            if entry := self._remove(mail_id):
                entry.path.unlink(missing_ok=True)

    def delete_all(self) -> None:
        self.delete(list(self._entries))

    def _load(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for half_written in self._folder.glob("*.new"):
            half_written.unlink()
        for path in sorted(self._folder.iterdir()):
            if match := _NAME.fullmatch(path.name):
                self._insert(_index(match[1], path, Message(path.read_bytes())))
        self._drop_oldest()

    def _write(self, raw: bytes) -> Entry:
        mail_id = f"{time.time_ns() // 1000:014x}{secrets.token_hex(4)}"
        path = self._folder / f"{mail_id}.eml"
        entry = _index(mail_id, path, Message(raw))
        new = path.with_suffix(".new")
        new.write_bytes(raw)
        new.replace(path)
        return entry

    def _insert(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self._bytes += entry.size

    def _remove(self, mail_id: str) -> Entry | None:
        entry = self._entries.pop(mail_id, None)
        if entry:
            self._bytes -= entry.size
        return entry

    def _drop_oldest(self) -> None:
        while len(self._entries) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self.delete([next(iter(self._entries))])


def _index(mail_id: str, path: Path, message: Message) -> Entry:
    searched = {field: message.people(field.title()) for field in ("from", "to", "cc", "bcc")}
    searched["subject"] = message.subject
    searched[""] = " ".join([*searched.values(), message.words()[:_SEARCHED_TEXT]])
    return Entry(
        id=mail_id,
        path=path,
        size=len(message.raw),
        envelope=message.envelope(),
        snippet=message.snippet(),
        attachments=sum(not part.inline for part in message.parts),
        searched={field: text.lower() for field, text in searched.items()},
    )
