"""Pictures of products: uploads, and what became of them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, one, rpc, select
from orderbase._ids import as_uuid
from orderbase._send import backoff
from orderbase.errors import InvalidRequest, PermissionDenied, TimedOut
from orderbase.models.base import DEFERRED
from orderbase.models.images import ProductImage
from orderbase.staff import _uploading
from orderbase.staff._columns import columns_of
from orderbase.staff._image_models import ProductUpload
from orderbase.staff._resource import StaffResource

_UPLOADS = TypeAdapter(list[ProductUpload], config=DEFERRED)
_UPLOADS_OF = TypeAdapter(list[dict[str, list[ProductUpload]]], config=DEFERRED)
_IMAGES_OF = TypeAdapter(list[dict[str, list[ProductImage]]], config=DEFERRED)
_NO_PRODUCT = ("product_not_found", "There is no such product.")
_LONGEST_PAUSE = 2.0


def _uploads(product_id: UUID | str) -> Call[list[ProductUpload]]:
    """Read through the product: so none means none, and not that there is no such product."""
    params = {
        "id": f"eq.{as_uuid(product_id, 'product_id')}",
        "product_uploads.order": "created_at,id",
    }
    parse = one(_UPLOADS_OF, *_NO_PRODUCT)
    columns = f"product_uploads({columns_of(ProductUpload)})"
    return select("products", lambda body: parse(body)["product_uploads"], columns, params)


def _images(product_id: UUID | str) -> Call[list[ProductImage]]:
    params = {
        "id": f"eq.{as_uuid(product_id, 'product_id')}",
        "product_images.order": "position,id",
    }
    parse = one(_IMAGES_OF, *_NO_PRODUCT)
    columns = f"product_images({columns_of(ProductImage)})"
    return select("products", lambda body: parse(body)["product_images"], columns, params)


def _upload_by(column: str, value: object) -> Call[ProductUpload]:
    parse = one(_UPLOADS, "upload_not_found", "There is no such upload.")
    return select("product_uploads", parse, columns_of(ProductUpload), {column: f"eq.{value}"})


def _describe(image_id: UUID | str, alt: str | None, place: int | None) -> Call[ProductImage]:
    arguments: dict[str, JsonValue] = {
        "image_id": str(as_uuid(image_id, "image_id")),
        "alt": alt,
        "place": place,
    }
    return rpc("describe_image", ProductImage.model_validate_json, arguments)


class AsyncImages(StaffResource):
    """Pictures of products: uploaded as they are, and shown as the shop has processed them."""

    async def upload(
        self,
        product_id: UUID | str,
        content: _uploading.Content,
        *,
        name: str | None = None,
        alt: str = "",
        replace: bool = False,
    ) -> ProductUpload:
        """Upload a picture: JPEG, PNG, WebP, GIF or AVIF. `wait` tells what became of it.

        It is sent once, unless it replaces: after a lost connection, look in `uploads` whether it
        is there.

        Args:
            product_id: of which product.
            content: at most 20 MiB, or a file of that size.
            name: what to call it among those of the product; its ending says what it is, such as
                ".jpg". The file's own name by default.
            alt: what it shows, for those who do not see it; up to 500 characters.
            replace: take the place of the upload that has this name, if there is one. The
                picture's description and position stay.

        Raises:
            NotFound: there is no such product.
            Conflict: an upload has this name.
            InvalidRequest: "too_large", "unsupported_type", "invalid_name", "alt_too_long".
            OSError: the file cannot be read.
        """
        product = as_uuid(product_id, "product_id")
        called = _uploading.name_of(content, name)
        if len(alt) > 500:
            raise InvalidRequest("A description has at most 500 characters.", code="alt_too_long")
        sent = await _uploading.content_of(content)
        call = _uploading.upload_file(product, called, sent, alt, replace=replace)
        try:
            await self._call(call)
        except PermissionDenied:
            await self.uploads(product)  # Storage says the same if there is no such product
            raise
        return await self._call(_upload_by("name", f"{product}/{called}"))

    async def wait(self, upload_id: UUID | str, *, timeout: float = 60.0) -> ProductUpload:  # noqa: ASYNC109
        """Wait until an upload is processed or refused.

        Args:
            upload_id: which.
            timeout: seconds to wait at most.

        Raises:
            NotFound: there is no such upload, or it was removed meanwhile.
            TimedOut: it is still queued.
        """
        clock = asyncio.get_running_loop().time
        deadline, attempt = clock() + timeout, 0
        while True:
            upload = await self._call(_upload_by("id", as_uuid(upload_id, "upload_id")))
            if upload.status != "queued":
                return upload
            pause = backoff(attempt, longest=_LONGEST_PAUSE)
            if clock() + pause > deadline:
                raise TimedOut(f"The upload was not processed within {timeout:.3g} seconds.")
            await asyncio.sleep(pause)
            attempt += 1

    async def uploads(self, product_id: UUID | str) -> Sequence[ProductUpload]:
        """Uploads of a product, oldest first: also those that were refused, and why.

        Raises:
            NotFound: there is no such product.
        """
        return await self._call(_uploads(product_id))

    async def list(self, product_id: UUID | str) -> Sequence[ProductImage]:
        """Pictures that a product shows, in their order.

        Raises:
            NotFound: there is no such product.
        """
        return await self._call(_images(product_id))

    async def describe(
        self, image_id: UUID | str, *, alt: str | None = None, place: int | None = None
    ) -> ProductImage:
        """Say what a picture shows, or where it comes; what is None stays as it is.

        Args:
            image_id: which picture.
            alt: for those who do not see it; up to 500 characters, may be empty.
            place: its position: pictures come in the order of theirs, which may be from
                -1,000,000 to 1,000,000.

        Raises:
            NotFound: there is no such picture.
            InvalidRequest: "alt_too_long", "invalid_position".
        """
        return await self._call(_describe(image_id, alt, place))

    async def remove(self, upload_id: UUID | str) -> None:
        """Remove an upload, and with it the picture that was made of it.

        It is sent once: after a lost connection, it may be gone.

        Raises:
            NotFound: there is no such upload.
        """
        upload = await self._call(_upload_by("id", as_uuid(upload_id, "upload_id")))
        await self._call(_uploading.remove_file(upload.name))


class Images(Blocking[AsyncImages]):
    """See AsyncImages: the same, and each method waits."""

    upload = blocking(AsyncImages.upload)
    wait = blocking(AsyncImages.wait)
    uploads = blocking(AsyncImages.uploads)
    list = blocking(AsyncImages.list)
    describe = blocking(AsyncImages.describe)
    remove = blocking(AsyncImages.remove)
