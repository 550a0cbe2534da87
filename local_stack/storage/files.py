"""The content of objects on disk: one file per version, written aside, made durable, then named."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_VERSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Stored:
    """A file that is on disk for good."""

    version: str
    size: int
    """In bytes."""
    md5: str
    """In hexadecimal."""


class Draft:
    """A file being written, which nobody can read yet. Its methods block: call them in threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self.size = self._file.tell()

    def write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view) or 0
            self.size += written
            view = view[written:]

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class Files:
    """The folder of one Storage. No name in it comes from a user."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._objects = folder / "objects"
        self._drafts = folder / "drafts"
        self.uploads = folder / "uploads"
        self._durable = durable

    def prepare(self) -> None:
        """Make the folders, and drop what a killed process was writing."""
        for folder in (self._objects, self._drafts, self.uploads):
            folder.mkdir(parents=True, exist_ok=True)
        for draft in self._drafts.iterdir():
            draft.unlink()

    @asynccontextmanager
    async def draft(self) -> AsyncIterator[Draft]:
        """A new draft; unless it was kept, it is gone at the end."""
        draft = await asyncio.to_thread(Draft, self._drafts / uuid4().hex)
        try:
            yield draft
        finally:
            await asyncio.to_thread(_discard, draft)

    async def keep(self, draft: Draft) -> Stored:
        """Name the draft's file; when this returns, a power cut does not lose it."""
        return await asyncio.to_thread(self._keep, draft)

    async def copy(self, version: str) -> str:
        """A second name for the content of a version: files never change once named.

        Raises:
            FileNotFoundError: there is no such version.
        """
        return await asyncio.to_thread(self._link, version)

    def open(self, version: str | None) -> BinaryIO:
        """The content of a version, to read (blocks).

        Raises:
            FileNotFoundError: there is no such version.
        """
        return self._path(version).open("rb", buffering=0)

    async def remove(self, versions: Iterable[str | None]) -> None:
        """Delete versions; those that are not there are passed over."""
        await asyncio.to_thread(self._remove, list(versions))

    def versions(self) -> list[str]:
        """All that are on disk (blocks)."""
        return [path.name for path in self._objects.glob("*/*")]

    def _keep(self, draft: Draft) -> Stored:
        if self._durable:
            draft.sync()
        draft.close()
        with draft.path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        path = self._new_path()
        draft.path.rename(path)
        self._sync_folder(path.parent)
        return Stored(path.name, draft.size, digest.hexdigest())

    def _link(self, version: str) -> str:
        path = self._new_path()
        path.hardlink_to(self._path(version))
        self._sync_folder(path.parent)
        return path.name

    def _remove(self, versions: list[str | None]) -> None:
        for version in versions:
            try:
                self._path(version).unlink()
            except FileNotFoundError:
                continue

    def _new_path(self) -> Path:
        path = self._path(str(uuid4()))
        path.parent.mkdir(exist_ok=True)
        return path

    def _path(self, version: str | None) -> Path:
        # The version is read from a table, so it is not trusted to be a name.
        if version is None or not _VERSION.fullmatch(version):
            raise FileNotFoundError(version)
        return self._objects / version[:2] / version

    def _sync_folder(self, folder: Path) -> None:
        if not self._durable:
            return
        for path in (folder, folder.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _discard(draft: Draft) -> None:
    draft.close()
    draft.path.unlink(missing_ok=True)
