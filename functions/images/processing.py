"""From the bytes of an upload to its variants. Pure, and for a process of its own: see `child`.

Whatever the file says of itself stays behind: the variants hold pixels, in sRGB and upright.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageCms

from functions.images.kinds import kind_of
from functions.images.looks import dominant_colour, placeholder
from functions.images.picture import MAX_BYTES, Format, Picture, Refused, Variant

WIDTHS = (800, 400, 200)
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_000
"""WebP ends at 16,383."""

_ORIENTATION = 0x0112
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False),
    3: (Image.Transpose.ROTATE_180, False),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False),
    5: (Image.Transpose.TRANSPOSE, True),
    6: (Image.Transpose.ROTATE_270, True),
    7: (Image.Transpose.TRANSVERSE, True),
    8: (Image.Transpose.ROTATE_90, True),
}
"""By EXIF orientation: how to turn it upright, and whether that swaps its sides."""
_ENCODINGS: dict[Format, dict[str, object]] = {
    "webp": {"quality": 80, "method": 4},
    "jpeg": {"quality": 82, "progressive": True, "optimize": True},
}
_SRGB = ImageCms.createProfile("sRGB")


def process(content: bytes) -> Picture:
    """Make the variants: 800, 400 and 200 px wide, but none wider than the original.

    Raises:
        Refused: it is none of the types that are taken, too large, or damaged.
    """
    if len(content) > MAX_BYTES:
        raise Refused("too_large", f"A picture has at most {MAX_BYTES >> 20} MiB.")
    with _opened(content) as image:
        turn, swapped = _turn_of(image)
        width, height = image.size[::-1] if swapped else image.size
        sizes = _sizes(width, height)
        largest = _shrunk(image, sizes[0][::-1] if swapped else sizes[0])
    upright = largest if turn is None else largest.transpose(turn)
    images = _chain(_plain(upright), sizes)
    return Picture(
        width=width,
        height=height,
        colour=dominant_colour(images[-1]),
        placeholder=placeholder(images[-1]),
        variants=tuple(_encoded(one, kind) for one in images for kind in _ENCODINGS),
    )


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The image, of which only the header has been read. What decoders raise is a refusal."""
    kind = kind_of(content)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(content), formats=[kind]) as image,
        ):
            _check_size(*image.size)
            yield image
    except (Refused, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except Exception as error:
        text = f"The file is damaged, or made to do harm: {type(error).__name__} {error}"
        raise Refused("damaged", text[:300]) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_many_pixels()


def _too_many_pixels() -> Refused:
    text = f"A picture has at most {MAX_PIXELS // 10**6} megapixels, and {MAX_SIDE} on a side."
    return Refused("too_many_pixels", text)


def _turn_of(image: Image.Image) -> tuple[Image.Transpose | None, bool]:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - what is damaged there does not hurt the picture
        orientation = None
    return _TURNS.get(orientation, (None, False)) if isinstance(orientation, int) else (None, False)


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Widest first; a picture that is narrower than the widest keeps its own width."""
    widest = min(width, WIDTHS[0])
    widths = [widest, *(one for one in WIDTHS if one < widest)]
    return [(one, max(1, round(height * one / width))) for one in widths]


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Decoded, and no larger than needed: a JPEG need not be decoded in full for that."""
    image.draft(None, (2 * size[0], 2 * size[1]))
    image.load()
    return _resizable(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _resizable(image: Image.Image) -> Image.Image:
    """In a mode whose pixels can be averaged."""
    if image.mode.startswith("I"):  # 16 bits for each pixel, of which 8 are shown
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _plain(image: Image.Image) -> Image.Image:
    """RGB or RGBA in sRGB, that knows nothing but its pixels."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    plain = _in_srgb(colours, image.info.get("icc_profile"))
    if alpha and alpha.getextrema()[0] != 255:
        plain.putalpha(alpha)
    plain.info.clear()
    return plain


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
            if made is not None:
                return made
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not fit says nothing
    return image.convert("RGB")


def _chain(largest: Image.Image, sizes: list[tuple[int, int]]) -> list[Image.Image]:
    """Each from the one before: the work is in the first."""
    images = [largest]
    for size in sizes[1:]:
        images.append(images[-1].resize(size, Image.Resampling.LANCZOS))
    return images


def _encoded(image: Image.Image, kind: Format) -> Variant:
    if kind == "jpeg":
        image = on_white(image)
    target = io.BytesIO()
    image.save(target, kind, **_ENCODINGS[kind])
    return Variant(*image.size, kind, target.getvalue())


def on_white(image: Image.Image) -> Image.Image:
    """Without transparency."""
    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
