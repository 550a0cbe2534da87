"""Pictures of products."""

from typing import Literal, TypeAlias
from uuid import UUID

from orderbase.models.base import Model, Told

ImageFormat: TypeAlias = Literal["webp", "jpeg"]


class ImageVariant(Model, frozen=True):
    """One file of a picture; `width` and `height` in pixels, size in `bytes`."""

    width: int
    height: int
    format: Told[ImageFormat]
    path: str
    bytes: int


class ProductImage(Model, frozen=True):
    """A picture of a product: `products.image_url(image)` is its address.

    `width` and `height` are the original's, in pixels; `colour` is the dominant one, as
    "#rrggbb"; `placeholder` is a tiny blurred picture to show meanwhile, as a "data:" URI. They
    are None for a picture that the shop has not processed. `alt` is for those who do not see it.

    `variants` are the same picture in other sizes and formats, widest first; `path` is that of
    the widest JPEG.
    """

    id: UUID
    path: str
    alt: str
    position: int
    width: int | None
    height: int | None
    colour: str | None
    placeholder: str | None
    variants: tuple[ImageVariant, ...]

    def fitting(self, width: int, format: ImageFormat = "webp") -> ImageVariant | None:  # noqa: A002
        """The smallest variant that is at least `width` pixels wide; else the widest.

        None if there is none of this format.
        """
        known = [variant for variant in self.variants if variant.format == format]
        wide = [variant for variant in known if variant.width >= width]
        if wide:
            return min(wide, key=lambda variant: variant.width)
        return max(known, key=lambda variant: variant.width, default=None)
