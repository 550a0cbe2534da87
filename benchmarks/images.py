"""How long a picture takes, against Pillow's three resizes alone.

Ours is the whole work on a 12-megapixel JPEG: sent to the process that decodes, checked, made
smaller, six files encoded, colour and placeholder found, and all of it sent back.
"""

import asyncio
import io
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median

from PIL import Image, ImageChops

from benchmarks.report import Report
from functions.images.sandbox import Sandbox

_SIZE = (4000, 3000)
_WIDTHS = (800, 400, 200)
_ROUNDS = 9
_GOAL = 1.3

Arm = Callable[[bytes], Awaitable[object]]


def photo() -> bytes:
    """A JPEG of 12 megapixels that is as hard to encode as a photo: shapes, gradients and noise."""
    width, height = _SIZE
    shapes = Image.effect_noise((width // 8, height // 8), 60).resize(
        _SIZE, Image.Resampling.BICUBIC
    )
    gradient = Image.linear_gradient("L").resize(_SIZE)
    noise = Image.effect_noise(_SIZE, 12)
    bands = (
        ImageChops.blend(shapes, gradient, 0.5),
        ImageChops.blend(shapes, noise, 0.3),
        ImageChops.blend(gradient, noise, 0.4),
    )
    target = io.BytesIO()
    Image.merge("RGB", bands).save(target, "JPEG", quality=88)
    return target.getvalue()


async def resize(content: bytes) -> object:
    """Decode, and resize thrice: nothing is encoded."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return [
            image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)
            for width in _WIDTHS
        ]


async def thumbnail(content: bytes) -> object:
    """Pillow's own shortcut: a JPEG is decoded no larger than needed, each time."""
    made = []
    for width in _WIDTHS:
        with Image.open(io.BytesIO(content)) as image:
            image.thumbnail((width, width), Image.Resampling.LANCZOS)
            made.append(image)
    return made


async def measure(arms: Mapping[str, Arm], content: bytes) -> dict[str, float]:
    """Median seconds of each arm; they take turns, and the first round does not count."""
    rounds: dict[str, Sequence[float]] = defaultdict(list)
    for number in range(_ROUNDS + 1):
        for name, arm in arms.items():
            begun = time.perf_counter()
            await arm(content)
            if number:
                rounds[name] = [*rounds[name], time.perf_counter() - begun]
    return {name: median(seconds) for name, seconds in rounds.items()}


async def _run() -> None:
    sandbox = Sandbox(1)
    arms: dict[str, Arm] = {"resize": resize, "thumbnail": thumbnail, "ours": sandbox.process}
    taken = await measure(arms, photo())
    await sandbox.close()
    report = Report("A 12-megapixel JPEG")
    report.add("Pillow: decode and three resizes", 1000 * taken["resize"], "ms")
    report.add("Pillow: three thumbnails", 1000 * taken["thumbnail"], "ms")
    report.add("all of ours", 1000 * taken["ours"], "ms")
    report.add("ours / resizes", taken["ours"] / taken["resize"], "x", at_most=_GOAL)
    report.add("ours / thumbnails", taken["ours"] / taken["thumbnail"], "x", at_most=_GOAL)
    report.show()


def main() -> None:
    """Print the times, and what the goal says of them."""
    asyncio.run(_run())
