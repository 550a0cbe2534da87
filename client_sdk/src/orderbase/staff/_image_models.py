"""Pictures that staff upload."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from orderbase.models.base import Model, Told

UploadStatus: TypeAlias = Literal["queued", "processed", "refused"]
UploadRefusal: TypeAlias = Literal[
    "not_an_image",
    "unsupported_type",
    "too_large",
    "too_many_pixels",
    "damaged",
    "too_demanding",
]


class ProductUpload(Model, frozen=True):
    """A picture that was uploaded, and what became of it.

    `name` is that of the file: the id of its product, and the name that it was given there.
    `version` is that of its content. It is "queued" until it is "processed", and its product
    shows it, or "refused": for that there is a `reason`, and an `explanation` for people.
    """

    id: UUID
    product_id: UUID
    name: str
    version: str
    status: Told[UploadStatus]
    reason: Told[UploadRefusal] | None
    explanation: str | None
    created_at: datetime
    updated_at: datetime
