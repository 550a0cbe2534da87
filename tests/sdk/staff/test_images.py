"""Pictures: uploaded, waited for, described, replaced and removed."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from orderbase import Conflict, InvalidRequest, NotFound, TimedOut
from orderbase.staff import AsyncStaff
from tests.conftest import Stack
from tests.images.pictures import jpeg
from tests.sdk.live import create_product
from tests.sdk.staff.conftest import Owner


@pytest.fixture
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1)


async def test_an_upload_becomes_a_picture_and_goes_with_it(
    staff: AsyncStaff, product: UUID
) -> None:
    sent = await staff.images.upload(product, jpeg(), name="Cup of tea (1).JPG", alt="Ein Tässchen")
    assert (sent.product_id, sent.name) == (product, f"{product}/Cup of tea (1).JPG")
    upload = await staff.images.wait(sent.id)
    assert (upload.id, upload.status, upload.reason) == (sent.id, "processed", None)
    assert await staff.images.uploads(product) == [upload]
    [image] = await staff.images.list(product)
    assert image.alt == "Ein Tässchen"
    described = await staff.images.describe(image.id, alt="A cup", place=7)
    assert (described.id, described.alt, described.position) == (image.id, "A cup", 7)
    assert await staff.images.describe(image.id) == described
    await staff.images.remove(upload.id)
    assert (await staff.images.uploads(product), await staff.images.list(product)) == ([], [])
    with pytest.raises(NotFound) as missing:
        await staff.images.remove(upload.id)
    assert missing.value.code == "upload_not_found"


async def test_a_file_is_uploaded_under_its_own_name(
    staff: AsyncStaff, product: UUID, tmp_path: Path
) -> None:
    file = tmp_path / "cup.jpeg"
    file.write_bytes(jpeg())
    sent = await staff.images.upload(product, file)
    assert sent.name == f"{product}/cup.jpeg"
    assert (await staff.images.wait(str(sent.id))).status == "processed"


async def test_a_name_is_taken_once_unless_it_is_replaced(staff: AsyncStaff, product: UUID) -> None:
    first = await staff.images.upload(product, jpeg(), name="a.jpg")
    with pytest.raises(Conflict):
        await staff.images.upload(product, jpeg(800, 600), name="a.jpg")
    second = await staff.images.upload(product, jpeg(800, 600), name="a.jpg", replace=True)
    assert second.id == first.id
    assert second.version != first.version
    await staff.images.wait(second.id)
    [image] = await staff.images.list(product)
    assert (image.width, image.height) == (800, 600)


async def test_what_is_no_picture_is_refused_with_a_reason(
    staff: AsyncStaff, product: UUID
) -> None:
    sent = await staff.images.upload(product, b"just text", name="a.png")
    upload = await staff.images.wait(sent.id)
    assert (upload.status, upload.reason) == ("refused", "not_an_image")
    assert upload.explanation


async def test_waiting_ends(staff: AsyncStaff, product: UUID, owner: Owner) -> None:
    [row] = owner.execute(
        "insert into public.product_uploads (product_id, name, version, status)"
        " values (%s, %s, '1', 'queued') returning id",
        (product, f"{product}/never.jpg"),
    ).fetchall()
    with pytest.raises(TimedOut):
        await staff.images.wait(row["id"], timeout=0)


async def test_what_storage_would_refuse_is_not_sent(
    staff: AsyncStaff, product: UUID, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    for attempt, code in (
        (staff.images.upload(product, large), "too_large"),
        (staff.images.upload(product, large.read_bytes(), name="a.png"), "too_large"),
        (staff.images.upload(product, b"x", name="a.svg"), "unsupported_type"),
        (staff.images.upload(product, b"x"), "invalid_name"),
        (staff.images.upload(product, b"x", name="../a.png"), "invalid_name"),
        (staff.images.upload(product, b"x", name="./a.png"), "invalid_name"),
        (staff.images.upload(product, b"x", name="a//b.png"), "invalid_name"),
        (staff.images.upload(product, b"x", name="a.png", alt="x" * 501), "alt_too_long"),
        (staff.images.describe(uuid4(), alt="x" * 501), "alt_too_long"),
        (staff.images.describe(uuid4(), place=1_000_001), "invalid_position"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == code
    assert await staff.images.uploads(product) == []


async def test_there_is_no_such_thing(staff: AsyncStaff) -> None:
    nothing = uuid4()
    for attempt, code in (
        (staff.images.upload(nothing, b"x", name="a.png"), "product_not_found"),
        (staff.images.uploads(nothing), "product_not_found"),
        (staff.images.list(nothing), "product_not_found"),
        (staff.images.wait(nothing), "upload_not_found"),
        (staff.images.remove(nothing), "upload_not_found"),
        (staff.images.describe(nothing, alt="x"), "image_not_found"),
    ):
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == code
