"""What the handlers of one Storage share: its settings, connections, files and signatures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress

from aiohttp import web

from local_stack.settings import Settings
from local_stack.storage import callers
from local_stack.storage.callers import SERVICE, Caller
from local_stack.storage.database import Connection, Database
from local_stack.storage.files import Files
from local_stack.storage.signatures import Signatures
from local_stack.storage.upload_states import UploadStates
from local_stack.tokens import Tokens

_BATCH = 1000
_EXPIRY_SECONDS = 3600.0
_KNOWN = "select version from storage.objects where version = any (%s)"
_CREATE_BUCKET = """
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (%(id)s, %(id)s, %(public)s, %(file_size_limit)s, %(allowed_mime_types)s)
on conflict (id) do update set
  public = excluded.public,
  file_size_limit = excluded.file_size_limit,
  allowed_mime_types = excluded.allowed_mime_types
"""


class Context:
    """One Storage; `CONTEXT` is where its application keeps it."""

    def __init__(self, settings: Settings) -> None:
        self.config = settings.config.storage
        self.database = Database(settings)
        self.files = Files(settings.home / "storage", durable=settings.durable)
        self.uploads = UploadStates(self.files.uploads)
        self.signatures = Signatures(settings.keys)
        self._tokens = Tokens(settings.keys)

    def caller(self, request: web.BaseRequest) -> Caller:
        """Who sent the request.

        Raises:
            StorageError: 403, nobody that can be believed.
        """
        return callers.of_request(self._tokens, request)

    def as_caller(
        self, request: web.BaseRequest, *, trial: bool = False
    ) -> AbstractAsyncContextManager[Connection]:
        """A transaction with the rights of who sent the request."""
        return self.database.transaction(self.caller(request), request, trial=trial)

    def as_service(self, request: web.BaseRequest) -> AbstractAsyncContextManager[Connection]:
        """A transaction that no policy stops."""
        return self.database.transaction(SERVICE, request)

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the connections while the application runs; tidy up first."""
        await asyncio.to_thread(self.files.prepare)
        await self.database.open()
        try:
            await self._remove_orphans()
            await self._create_buckets()
            expiry = asyncio.create_task(self._expire_uploads())
            yield
            expiry.cancel()
            with suppress(asyncio.CancelledError):
                await expiry
        finally:
            await self.database.close()

    async def _remove_orphans(self) -> None:
        """Files without a row: their upload, or their removal, was cut off by a crash."""
        versions = await asyncio.to_thread(self.files.versions)
        for start in range(0, len(versions), _BATCH):
            batch = versions[start : start + _BATCH]
            async with self.database.transaction(SERVICE) as conn:
                rows = await (await conn.execute(_KNOWN, (batch,))).fetchall()
            await self.files.remove(set(batch) - {row["version"] for row in rows})

    async def _create_buckets(self) -> None:
        async with self.database.transaction(SERVICE) as conn:
            for name, bucket in self.config.buckets.items():
                types = bucket.allowed_mime_types or None
                values = bucket.model_dump() | {"id": name, "allowed_mime_types": types}
                await conn.execute(_CREATE_BUCKET, values)

    async def _expire_uploads(self) -> None:
        while True:
            await asyncio.to_thread(self.uploads.remove_expired)
            await asyncio.sleep(_EXPIRY_SECONDS)


CONTEXT = web.AppKey("CONTEXT", Context)
