"""What becomes of an upload: sizes, looks, what is left behind, and what is refused."""

import base64
import hashlib
import io

import pytest
from PIL import Image

from functions.images.picture import MAX_BYTES, Picture, Refused, Variant
from functions.images.processing import process
from tests.images.pictures import (
    BLUE,
    DAMAGED,
    MARKUP,
    NO_IMAGES,
    POLYGLOTS,
    RED,
    TOO_MANY_PIXELS,
    UNSUPPORTED,
    Colour,
    animation,
    jpeg,
    picture,
    profile,
    saved,
    told,
)


def opened(variant: Variant) -> Image.Image:
    return Image.open(io.BytesIO(variant.content))


def sizes(made: Picture) -> list[tuple[int, int]]:
    """Of the WebP variants; those in JPEG have the same."""
    found: dict[str, list[tuple[int, int]]] = {"webp": [], "jpeg": []}
    for variant in made.variants:
        assert opened(variant).size == (variant.width, variant.height)
        assert opened(variant).format == variant.format.upper()
        found[variant.format].append((variant.width, variant.height))
    assert found["webp"] == found["jpeg"]
    return found["webp"]


def is_near(found: object, wanted: Colour, tolerance: int = 12) -> bool:
    assert isinstance(found, tuple)
    return all(abs(one - other) <= tolerance for one, other in zip(found, wanted, strict=True))


def colour_of(made: Picture) -> Colour:
    return tuple(bytes.fromhex(made.colour[1:]))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((4000, 3000), [(800, 600), (400, 300), (200, 150)]),
        ((800, 800), [(800, 800), (400, 400), (200, 200)]),
        ((799, 10), [(799, 10), (400, 5), (200, 3)]),
        ((300, 900), [(300, 900), (200, 600)]),
        ((200, 100), [(200, 100)]),
        ((7, 5), [(7, 5)]),
        ((1, 1), [(1, 1)]),
        ((16_000, 1), [(800, 1), (400, 1), (200, 1)]),
        ((1, 16_000), [(1, 16_000)]),
    ],
)
def test_variants_are_800_400_and_200_wide_and_never_wider_than_the_original(
    size: tuple[int, int], wanted: list[tuple[int, int]]
) -> None:
    made = process(saved(Image.new("RGB", size, RED), "PNG"))
    assert (made.width, made.height) == size
    assert sizes(made) == wanted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_each_type_that_is_taken(kind: str) -> None:
    made = process(saved(picture(), kind))
    assert sizes(made) == [(800, 600), (400, 300), (200, 150)]
    assert is_near(colour_of(made), RED)
    for variant in made.variants:
        image = opened(variant).convert("RGB")
        assert is_near(image.getpixel((variant.width // 8, variant.height // 8)), (255, 255, 255))
        assert is_near(image.getpixel((variant.width // 2, variant.height // 2)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture(1200, 400)
    # How a camera that was held that way has stored it.
    undo: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    made = process(saved(stored, "JPEG", exif=exif.tobytes()))
    assert (made.width, made.height) == (1200, 400)
    assert sizes(made)[0] == (800, 267)
    first = opened(made.variants[0]).convert("RGB")
    assert is_near(first.getpixel((50, 20)), (255, 255, 255))
    for corner in ((750, 20), (50, 250), (750, 250)):
        assert is_near(first.getpixel(corner), RED)


@pytest.mark.parametrize("said", [None, profile(), b"ICC nonsense"], ids=["none", "sRGB", "bad"])
def test_nothing_is_left_of_what_the_file_said(said: bytes | None) -> None:
    original = told(said)
    assert original.count(MARKUP) == 3
    for variant in process(original).variants:
        for trace in (MARKUP, b"Exif", b"EXIF", b"ICC", b"http", b"xmp", b"XMP", b"Camera"):
            assert trace not in variant.content
        assert opened(variant).getexif() == {}
        assert not opened(variant).info.keys() & {"exif", "icc_profile", "xmp", "comment"}


def test_colours_are_brought_to_srgb() -> None:
    made = process(jpeg(icc_profile=profile()))
    assert is_near(colour_of(made), RED)
    made = process(jpeg(icc_profile=profile(swapped=True)))
    assert is_near(colour_of(made), (RED[1], RED[0], RED[2]))


@pytest.mark.parametrize("said", [b"", b"nonsense", profile()[:200], profile() + bytes(9)])
def test_a_profile_that_cannot_be_read_says_nothing(said: bytes) -> None:
    assert is_near(colour_of(process(jpeg(icc_profile=said))), RED)


def test_a_profile_of_another_kind_of_colour_says_nothing() -> None:
    for mode in ("CMYK", "L"):
        assert process(saved(picture(mode=mode), "JPEG", icc_profile=profile())).variants


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (saved(picture(mode="CMYK"), "JPEG"), RED),
        (saved(picture(mode="L"), "JPEG"), (87, 87, 87)),
        (saved(picture(mode="L"), "PNG"), (87, 87, 87)),
        (saved(picture(mode="P"), "PNG"), RED),
        (saved(Image.new("1", (300, 300), 0), "PNG"), (0, 0, 0)),
        (saved(Image.new("I;16", (300, 300), 40_000), "PNG"), (156, 156, 156)),
        (saved(Image.new("LA", (300, 300), (90, 255)), "PNG"), (90, 90, 90)),
    ],
    ids=["cmyk", "grey jpeg", "grey png", "palette", "black and white", "16 bits", "grey, alpha"],
)
def test_colours_of_every_kind(content: bytes, wanted: Colour) -> None:
    made = process(content)
    assert is_near(colour_of(made), wanted, 40 if len(set(wanted)) > 1 else 2)
    assert {opened(variant).mode for variant in made.variants} == {"RGB"}


def test_transparency_is_kept_where_it_can_be_and_white_elsewhere() -> None:
    clear = Image.new("RGBA", (400, 400), (*BLUE, 0))
    clear.paste((*RED, 255), (100, 100, 200, 200))
    made = process(saved(clear, "PNG"))
    for variant in made.variants:
        corner = opened(variant).convert("RGBA").getpixel((5, 5))
        if variant.format == "webp":
            assert isinstance(corner, tuple)
            assert corner[3] == 0
        else:
            assert is_near(corner, (255, 255, 255, 255))
    assert is_near(colour_of(made), RED)


def test_a_colour_that_stands_for_transparency_is_transparent() -> None:
    clear = picture(400, 400, BLUE)
    for content in (
        saved(clear, "PNG", transparency=BLUE),
        saved(clear.quantize(4), "GIF", transparency=clear.quantize(4).getpixel((399, 399))),
    ):
        [webp, *_] = process(content).variants
        assert opened(webp).getchannel("A").getextrema() == (0, 255)


def test_what_is_all_transparent_has_a_colour_too() -> None:
    assert process(saved(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG")).colour.startswith("#")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_picture_is_shown(kind: str) -> None:
    made = process(animation(kind))
    assert is_near(colour_of(made), RED)
    assert not any(getattr(opened(variant), "is_animated", False) for variant in made.variants)


def test_the_placeholder_is_a_tiny_picture() -> None:
    said = process(jpeg(4000, 3000)).placeholder
    assert len(said) <= 600
    kind, _, content = said.partition(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (16, 12)


def test_names_say_what_the_files_hold() -> None:
    made, again = process(jpeg()), process(jpeg())
    assert [one.name for one in made.variants] == [one.name for one in again.variants]
    assert len({one.name for one in made.variants}) == 6
    first = made.variants[0]
    assert first.name == f"{hashlib.sha256(first.content).hexdigest()[:32]}-800.webp"
    assert made.variants[1].name.endswith("-800.jpg")


@pytest.mark.parametrize("content", POLYGLOTS.values(), ids=POLYGLOTS)
def test_of_a_file_that_is_two_things_only_the_pixels_are_kept(content: bytes) -> None:
    for variant in process(content).variants:
        assert MARKUP not in variant.content
        assert b"PK\x03\x04" not in variant.content


def reason(content: bytes) -> str:
    with pytest.raises(Refused) as refused:
        process(content)
    assert 0 < len(refused.value.text) <= 300
    return refused.value.reason


@pytest.mark.parametrize("content", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_other_types_are_refused_whatever_they_are_called(content: bytes) -> None:
    assert reason(content) == "unsupported_type"


@pytest.mark.parametrize("content", NO_IMAGES.values(), ids=NO_IMAGES)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    assert reason(content) == "not_an_image"


@pytest.mark.parametrize("content", TOO_MANY_PIXELS.values(), ids=TOO_MANY_PIXELS)
def test_too_many_pixels_are_refused_before_they_are_there(content: bytes) -> None:
    assert reason(content) == "too_many_pixels"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_or_unpacks_to_too_much_is_refused(content: bytes) -> None:
    assert reason(content) == "damaged"


def test_too_many_bytes_are_refused() -> None:
    assert process(jpeg() + bytes(MAX_BYTES - len(jpeg()))).variants
    assert reason(jpeg() + bytes(MAX_BYTES)) == "too_large"


def test_metadata_that_cannot_be_read_does_no_harm() -> None:
    assert process(jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).variants
    assert process(jpeg(exif=b"Exif\0\0nonsense")).variants
