"""What stands in for a picture until it is there: a colour, and a blur of it."""

import base64
import io

from PIL import Image

_COLOURS = 8
_VISIBLE = 128
_TINY = (16, 16)


def dominant_colour(image: Image.Image) -> str:
    """The most frequent of a few colours that an RGB or RGBA picture comes down to: `#rrggbb`.

    What is transparent does not count, unless all is.
    """
    few = image.convert("RGB").quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    counts = few.histogram(_visible(image))
    index = max(range(_COLOURS), key=lambda one: counts[one])
    red, green, blue = (few.getpalette() or [])[3 * index : 3 * index + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _visible(image: Image.Image) -> Image.Image | None:
    if image.mode != "RGBA":
        return None
    mask = image.getchannel("A").point(lambda alpha: 255 if alpha >= _VISIBLE else 0)
    return mask if mask.getbbox() else None


def placeholder(image: Image.Image) -> str:
    """At most 16 px on a side, as a `data:` URI of some hundred characters."""
    tiny = image.copy()
    tiny.thumbnail(_TINY, Image.Resampling.BOX)
    target = io.BytesIO()
    tiny.save(target, "WEBP", quality=30, method=6)
    return "data:image/webp;base64," + base64.b64encode(target.getvalue()).decode("ascii")
