"""Resumable uploads on disk: what each is to become, beside the part of the file that has come."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from local_stack.storage.errors import StorageError
from local_stack.storage.files import Draft
from local_stack.storage.rows import NewObject

LIFETIME = 24 * 3600.0
"""Seconds after which an unfinished upload is given up."""
_ID = re.compile(r"[0-9a-f]{32}")


class UploadState(BaseModel):
    """One resumable upload."""

    bucket: str
    key: str
    owner: str | None
    upsert: bool
    length: int
    """In bytes, of the whole file."""
    mimetype: str
    cache_control: str
    user_metadata: dict[str, Any]
    expires: float
    """Unix time."""
    finished: bool = False

    def new_object(self) -> NewObject:
        return NewObject(
            bucket=self.bucket,
            name=self.key,
            owner=self.owner,
            upsert=self.upsert,
            metadata={"mimetype": self.mimetype, "contentLength": self.length},
            user_metadata=self.user_metadata,
        )


class UploadStates:
    """The folder of all resumable uploads. Methods with files block: call them in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._busy: set[str] = set()

    def create(self, state: UploadState) -> str:
        """Note a new upload; gives its id, which nobody can guess."""
        upload = uuid4().hex
        Draft(self._part(upload)).close()
        self.save(upload, state)
        return upload

    def save(self, upload: str, state: UploadState) -> None:
        new = self._folder / f"{upload}.new"
        new.write_text(state.model_dump_json())
        new.replace(self._note(upload))

    def load(self, upload: str) -> tuple[UploadState, int]:
        """The upload, and how many of its bytes are here.

        Raises:
            StorageError: 404 there is no such upload, 410 it is too old.
        """
        try:
            state = UploadState.model_validate_json(self._note(upload).read_text())
            offset = state.length if state.finished else self._part(upload).stat().st_size
        except (FileNotFoundError, ValidationError) as error:
            raise StorageError(404, "NoSuchUpload", "Upload not found") from error
        if state.expires < time.time():
            raise StorageError(410, "NoSuchUpload", "The upload has expired")
        return state, offset

    def open(self, upload: str) -> Draft:
        """The file as it is so far, to be continued."""
        return Draft(self._part(upload))

    def remove(self, upload: str) -> None:
        self._note(upload).unlink(missing_ok=True)
        self._part(upload).unlink(missing_ok=True)

    def remove_expired(self) -> None:
        """Drop what is older than an upload may be, whatever it is."""
        for path in self._folder.iterdir():
            if path.stat().st_mtime < time.time() - LIFETIME:
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, upload: str) -> Iterator[None]:
        """Keep an upload for one request.

        Raises:
            StorageError: 423, another request has it.
        """
        if upload in self._busy:
            raise StorageError(423, "ResourceLocked", "The upload is in use by another request")
        self._busy.add(upload)
        try:
            yield
        finally:
            self._busy.discard(upload)

    def _note(self, upload: str) -> Path:
        # The id comes from a URL.
        if not _ID.fullmatch(upload):
            raise FileNotFoundError(upload)
        return self._folder / f"{upload}.json"

    def _part(self, upload: str) -> Path:
        return self._folder / f"{upload}.part"
