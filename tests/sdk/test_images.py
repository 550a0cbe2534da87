"""Pictures of products, as shoppers see them, against the whole stack."""

import json
from uuid import UUID

import aiohttp
import psycopg
import pytest

from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import create_product

PICTURE = b"\xff\xd8 as good as any"


async def store(stack: Stack, path: str) -> None:
    """As the images function stores what it made."""
    key = stack.environment["SUPABASE_SECRET_KEY"]
    url = f"{stack.environment['SUPABASE_URL']}/storage/v1/object/product-images/{path}"
    headers = {"apikey": key, "authorization": f"Bearer {key}", "content-type": "image/jpeg"}
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        await http.post(url, data=PICTURE, headers=headers)


def add_image(stack: Stack, product: UUID, path: str, position: int, *widths: int) -> None:
    variants = [
        {"width": w, "height": w, "format": kind, "path": f"{path}-{w}.{kind}", "bytes": w}
        for w in widths
        for kind in ("webp", "jpeg")
    ]
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "insert into product_images"
            " (product_id, path, alt, position, width, height, colour, variants)"
            " values (%s, %s, 'A cup', %s, 900, 600, '#aabbcc', %s)",
            (product, path, position, json.dumps(variants)),
        )


@pytest.fixture
def product(stack: Stack) -> UUID:
    product = create_product(stack, stock=1)
    add_image(stack, product, f"{product}/back of it.jpg", 2)
    add_image(stack, product, f"{product}/front.jpg", 1, 800, 400)
    return product


async def test_a_product_shows_its_pictures_in_order(
    open_shop: OpenShop, stack: Stack, product: UUID
) -> None:
    async with open_shop(stack) as shop:
        found = await shop.products.get(product, images=True)
        front, back = found.images
        assert (front.path, front.alt) == (f"{product}/front.jpg", "A cup")
        assert (front.width, front.height, front.colour) == (900, 600, "#aabbcc")
        assert [variant.width for variant in front.variants] == [800, 800, 400, 400]
        assert (back.variants, back.placeholder) == ((), None)


async def test_a_list_brings_first_pictures_to_those_who_want_them(
    open_shop: OpenShop, stack: Stack, product: UUID
) -> None:
    bare = create_product(stack, stock=1)
    async with open_shop(stack) as shop:
        listed = await shop.products.list(order_by="newest", limit=2, images=True, country="CH")
        assert [found.id for found in listed] == [bare, product]
        assert [[image.path for image in found.images] for found in listed] == [
            [],
            [f"{product}/front.jpg"],
        ]
        assert [found.images for found in await shop.products.list(order_by="newest", limit=2)] == [
            (),
            (),
        ]


async def test_everybody_finds_a_picture_where_its_address_says(
    open_shop: OpenShop, stack: Stack, product: UUID
) -> None:
    async with open_shop(stack) as shop:
        front, back = (await shop.products.get(product, images=True)).images
        url_of = shop.products.image_url
        addresses = {
            f"{product}/front.jpg": url_of(front),
            f"{product}/front.jpg-400.webp": url_of(front, width=300),
            f"{product}/front.jpg-800.jpeg": url_of(front, width=401, format="jpeg"),
            f"{product}/back of it.jpg": url_of(back, width=300),
        }
    for path, url in addresses.items():
        await store(stack, path)
        async with aiohttp.ClientSession(raise_for_status=True) as http, http.get(url) as answer:
            assert await answer.read() == PICTURE
