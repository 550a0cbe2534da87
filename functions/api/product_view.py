"""A product as its readers see it."""

from uuid import UUID

from functions.api.conditional import tag_of
from functions.api.models import Fields
from functions.api.product_cache import Found
from functions.api.product_entries import Entry

_MOST_RENDERED = 4


class Variant(Fields):
    """One file of a picture: pixels, `webp` or `jpeg`, and its place in the bucket."""

    width: int
    height: int
    format: str
    path: str
    bytes: int


class Image(Fields):
    """Of a product. Paths are in the bucket `product-images`; `path` is the widest JPEG."""

    path: str
    alt: str
    width: int | None
    height: int | None
    colour: str | None
    """The dominant one, `#rrggbb`."""
    placeholder: str | None
    """A tiny blurred picture, as a data: URI."""
    variants: list[Variant]


class Product(Fields):
    """What is on sale. Price: minor units of `currency`."""

    id: UUID
    version: int
    """Rises with each edit of the product itself."""
    slug: str
    name: str
    description: str
    price: int
    currency: str
    country: str | None
    """The market whose own price this is; null: the price where there is no other."""
    images: list[Image]


def render(entry: Entry, country: str | None) -> tuple[bytes, str]:
    """The body and its entity tag, kept for the few markets that were last made."""
    market = country if country in entry.product["prices"] else None
    known = entry.rendered.get(market)
    if known is None:
        own = entry.product["prices"][market] if market else {}
        product = Product.model_validate(entry.product | own | {"country": market})
        body = product.model_dump_json(by_alias=True).encode()
        known = (body, _tag(product.version, body))
        while len(entry.rendered) >= _MOST_RENDERED:
            del entry.rendered[next(iter(entry.rendered))]
        entry.rendered[market] = known
    return known


def headers_of(found: Found) -> dict[str, str]:
    """What tells how old an answer is, and that nobody else may answer it unasked.

    We ourselves answer stale while revalidating, because we hear of edits; a browser or a content
    delivery network that did would hide them.
    """
    return {
        "X-Cache": found.cached.value,
        "Age": str(int(found.age)),
        "Cache-Control": "public, max-age=0, must-revalidate",
    }


def _tag(version: int, body: bytes) -> str:
    """Begins with the version that an editor names by it."""
    return f'"{version}-{tag_of(body)[1:]}'
