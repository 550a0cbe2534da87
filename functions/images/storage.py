"""Supabase Storage, as far as pictures need it; spoken to with the secret key."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote

import aiohttp
from yarl import URL

from functions.images.picture import Refused
from functions.kit.http import key_headers
from functions.kit.settings import Settings

_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=5)


class StorageTrouble(Exception):  # noqa: N818 - says what happened
    """Storage did not do what was asked; the same may succeed later."""


class StorageUnavailable(StorageTrouble):
    """It did not answer, or not as it should."""


class StorageUnreachable(StorageUnavailable):
    """Nothing was sent: there was nobody to send it to."""


class Storage:
    """The buckets of one project, over connections that are used again."""

    def __init__(self, settings: Settings) -> None:
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        self._url = f"{str(settings.supabase_url).rstrip('/')}/storage/v1/object"
        key = settings.supabase_secret_key.get_secret_value()
        self._headers = key_headers(key) | {"Accept-Encoding": "identity"}

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def download(self, bucket: str, name: str, most: int) -> bytes:
        """The content of an object; no more than `most` bytes and one piece are ever held.

        Raises:
            Refused: there are more.
            StorageTrouble: see there.
        """
        async with self._request("GET", f"authenticated/{bucket}/{quote(name)}") as response:
            await _check(response)
            content = bytearray()
            async for piece in response.content.iter_any():
                content += piece
                if len(content) > most:
                    response.close()
                    raise Refused("too_large", f"A picture has at most {most >> 20} MiB.")
            return bytes(content)

    async def upload(
        self, bucket: str, name: str, content: bytes, *, kind: str, cache_control: str
    ) -> None:
        """Store an object, unless there is one of this name.

        Raises:
            StorageTrouble: see there.
        """
        headers = {"Content-Type": kind, "Cache-Control": cache_control}
        path = f"{bucket}/{quote(name)}"
        async with self._request(
            "POST", path, data=io.BytesIO(content), headers=headers
        ) as response:
            if not await _already_exists(response):
                await _check(response)

    async def remove(self, bucket: str, names: Sequence[str]) -> None:
        """Remove at most 1000 objects; those that are not there are no trouble.

        Raises:
            StorageTrouble: see there.
        """
        async with self._request("DELETE", bucket, json={"prefixes": list(names)}) as response:
            await _check(response)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: BinaryIO | None = None,
        json: object = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = URL(f"{self._url}/{path}", encoded=True)
        sent = self._headers | (headers or {})
        try:
            async with self._session.request(
                method, url, headers=sent, data=data, json=json, allow_redirects=False
            ) as response:
                yield response
        except aiohttp.ClientConnectorError as error:
            raise StorageUnreachable("Storage cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StorageUnavailable(f"{type(error).__name__} from Storage") from error


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status == HTTPStatus.OK:
        return
    text = f"Storage answered with status {response.status}"
    if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise StorageUnavailable(text)
    raise StorageTrouble(text)


async def _already_exists(response: aiohttp.ClientResponse) -> bool:
    """Storage says so in the body: the status is 400."""
    if response.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT):
        return False
    try:
        body = await response.json(content_type=None)
    except ValueError:
        return False
    return isinstance(body, dict) and str(body.get("statusCode")) == "409"
