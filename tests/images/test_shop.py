"""From an upload to what the shop shows, with the official client on a whole stack."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from PIL import Image
from storage3.exceptions import StorageApiError
from supabase import AsyncClient, acreate_client

from tests.conftest import Stack
from tests.images.pictures import DAMAGED, MARKUP, SVG, jpeg, picture, saved, told
from tests.products import product_maker
from tests.waiting import until

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
Row = dict[str, Any]


async def signed_in(stack: Stack, role: str | None) -> AsyncClient:
    """A client, signed in with an account of its own."""
    environment = stack.environment
    url, email = environment["SUPABASE_URL"], f"{uuid.uuid4().hex}@example.com"
    admin = await acreate_client(url, environment["SUPABASE_SECRET_KEY"])
    account: Any = {"email": email, "password": PASSWORD, "email_confirm": True}
    account |= {"app_metadata": {"role": role} if role else {}}
    await admin.auth.admin.create_user(account)
    client = await acreate_client(url, environment["SUPABASE_PUBLISHABLE_KEY"])
    await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    return client


@pytest.fixture
async def staff(stack: Stack) -> AsyncClient:
    return await signed_in(stack, "staff")


@pytest.fixture
async def anyone(stack: Stack) -> AsyncClient:
    """Somebody who has not signed in."""
    environment = stack.environment
    return await acreate_client(
        environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
    )


@pytest.fixture
def product(stack: Stack) -> str:
    make: Callable[..., str] = product_maker(stack.settings)
    return make()


async def upload(
    client: AsyncClient, name: str, content: bytes, kind: str = "image/jpeg", **more: object
) -> None:
    options: Any = {"content-type": kind, **more}
    await client.storage.from_("product-uploads").upload(name, content, options)


async def images(client: AsyncClient, product: str) -> list[Row]:
    query = client.table("product_images").select("*").eq("product_id", product)
    answer: Any = await query.order("position").execute()
    return list(answer.data)


async def settled(client: AsyncClient, name: str) -> Row:
    """What became of an upload, once it is known."""

    async def look() -> Row | None:
        query = client.table("product_uploads").select("*").eq("name", name)
        answer: Any = await query.neq("status", "queued").execute()
        return answer.data[0] if answer.data else None

    return await until(look, 30)


async def get(url: str) -> tuple[int, bytes, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read(), {k.lower(): v for k, v in answer.headers.items()}


async def urls(client: AsyncClient, image: Row) -> dict[str, str]:
    """Where everybody finds the variants, by their path."""
    bucket = client.storage.from_("product-images")
    return {one["path"]: await bucket.get_public_url(one["path"]) for one in image["variants"]}


async def test_an_upload_becomes_what_everybody_sees_and_goes_with_it(
    staff: AsyncClient, anyone: AsyncClient, product: str
) -> None:
    name = f"{product}/Cup of tea (1).JPG"
    await upload(staff, name, told(), metadata={"alt": "A cup"})
    assert (await settled(staff, name))["status"] == "processed"
    [image] = await images(anyone, product)
    assert (image["width"], image["height"], image["alt"]) == (1600, 1200, "A cup")
    assert image["colour"].startswith("#")
    assert image["placeholder"].startswith("data:image/webp;base64,")
    addresses = await urls(anyone, image)
    assert image["path"] in addresses
    for variant in image["variants"]:
        status, content, headers = await get(addresses[variant["path"]])
        assert (status, len(content)) == (200, variant["bytes"])
        assert headers["content-type"] == f"image/{variant['format']}"
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["x-content-type-options"] == "nosniff"
        assert MARKUP not in content
    await staff.storage.from_("product-uploads").remove([name])
    assert await images(anyone, product) == []

    async def gone() -> bool:
        return {(await get(url))[0] for url in addresses.values()} == {400}

    await until(gone, 30)


async def test_a_replaced_picture_is_shown_under_other_names(
    staff: AsyncClient, anyone: AsyncClient, product: str
) -> None:
    name = f"{product}/cup"
    await upload(staff, name, jpeg())
    await settled(staff, name)
    [before] = await images(anyone, product)
    other = saved(picture(900, 900, (1, 2, 3)), "PNG")
    await upload(staff, name, other, "image/png", upsert="true")

    async def replaced() -> Row | None:
        [image] = await images(anyone, product)
        return image if image["path"] != before["path"] else None

    after = await until(replaced, 30)
    assert (after["id"], after["width"]) == (before["id"], 900)
    assert {one["path"] for one in after["variants"]}.isdisjoint(
        one["path"] for one in before["variants"]
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("script.svg.png", SVG, "unsupported_type"),
        ("PAGE.PNG", b"<html>" + MARKUP, "unsupported_type"),
        ("bomb.png", DAMAGED["text bomb"], "damaged"),
        ("huge.png", saved(Image.new("1", (8000, 8000)), "PNG"), "too_many_pixels"),
    ],
)
async def test_what_is_refused_is_seen_by_staff_and_nobody_else(
    staff: AsyncClient, anyone: AsyncClient, product: str, name: str, content: bytes, reason: str
) -> None:
    await upload(staff, f"{product}/{name}", content, "image/png")
    seen = await settled(staff, f"{product}/{name}")
    assert (seen["status"], seen["reason"]) == ("refused", reason)
    assert seen["explanation"]
    assert await images(anyone, product) == []
    with pytest.raises(Exception, match="permission denied"):
        await anyone.table("product_uploads").select("*").execute()


async def test_storage_itself_takes_no_other_types_and_no_gigabyte(
    stack: Stack, staff: AsyncClient, product: str
) -> None:
    for kind in ("image/svg+xml", "IMAGE/SVG+XML", "text/html", "application/xhtml+xml"):
        with pytest.raises(StorageApiError, match="not supported"):
            await upload(staff, f"{product}/x.png", SVG, kind)

    async def gigabyte() -> AsyncIterator[bytes]:
        for _ in range(1 << 14):
            yield bytes(1 << 16)

    session = await staff.auth.get_session()
    assert session
    headers = {
        "Authorization": f"Bearer {session.access_token}",
        "apikey": stack.environment["SUPABASE_PUBLISHABLE_KEY"],
        "Content-Type": "image/png",
    }
    url = f"{stack.environment['SUPABASE_URL']}/storage/v1/object/product-uploads/{product}/x.png"
    async with aiohttp.ClientSession() as http:
        try:
            async with http.post(url, data=gigabyte(), headers=headers) as answer:
                assert (await answer.json())["statusCode"] == "413"
        except aiohttp.ClientConnectionError:
            pass  # it hangs up while we send
    assert await staff.storage.from_("product-uploads").list(product) == []


async def test_shoppers_upload_nothing_and_see_no_original(
    stack: Stack, staff: AsyncClient, anyone: AsyncClient, product: str
) -> None:
    shopper, name = await signed_in(stack, None), f"{product}/cup.jpg"
    await upload(staff, name, jpeg())
    for client in (shopper, anyone):
        for bucket in ("product-uploads", "product-images"):
            with pytest.raises(StorageApiError, match="row-level security"):
                await client.storage.from_(bucket).upload(
                    f"{product}/x.jpg", jpeg(), {"content-type": "image/jpeg"}
                )
            assert await client.storage.from_(bucket).list(product) == []
        with pytest.raises(StorageApiError):
            await client.storage.from_("product-uploads").download(name)
        assert await client.storage.from_("product-uploads").remove([name]) == []
    assert (await settled(staff, name))["status"] == "processed"


async def test_many_at_once(staff: AsyncClient, anyone: AsyncClient, product: str) -> None:
    names = [f"{product}/{number}.jpg" for number in range(8)]
    for number, name in enumerate(names):
        await upload(staff, name, jpeg(1000 + number, 700))
    for name in names:
        assert (await settled(staff, name))["status"] == "processed"
    found = await images(anyone, product)
    assert sorted(image["width"] for image in found) == list(range(1000, 1008))
    assert sorted(image["position"] for image in found) == list(range(8))
