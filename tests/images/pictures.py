"""Files that people upload, and those that nobody should."""

import io
import struct
import zlib

from PIL import Image, ImageCms, PngImagePlugin

Colour = tuple[int, ...]
RED: Colour = (220, 30, 30)
BLUE: Colour = (20, 40, 200)
MARKUP = b"<script>alert(document.domain)</script>"


def picture(
    width: int = 1600, height: int = 1200, colour: Colour = RED, mode: str = "RGB"
) -> Image.Image:
    """One colour, and a white square in the upper left corner that says which way is up."""
    image = Image.new("RGB", (width, height), colour)
    image.paste((255, 255, 255), (0, 0, width // 4, height // 4))
    return image.convert(mode)


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def jpeg(width: int = 1600, height: int = 1200, **options: object) -> bytes:
    return saved(picture(width, height), "JPEG", **options)


def told(icc_profile: bytes | None = None) -> bytes:
    """A JPEG that says where it was made, and more."""
    exif = Image.Exif()
    exif[0x010E] = MARKUP.decode()
    exif[0x0131] = "Camera of a test"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    said = {"exif": exif.tobytes(), "comment": MARKUP, "xmp": b"<x:xmpmeta>" + MARKUP}
    return saved(picture(), "JPEG", icc_profile=icc_profile, **said)


def profile(*, swapped: bool = False) -> bytes:
    """sRGB, or what takes its red for green."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if not swapped:
        return made
    head, rest = made[:300], made[300:]
    for one, other in ((b"rXYZ", b"gXYZ"), (b"rTRC", b"gTRC")):
        head = head.replace(one, b"????").replace(other, one).replace(b"????", other)
    return head + rest


def animation(kind: str) -> bytes:
    """Red, then blue."""
    first, second = picture(300, 300), picture(300, 300, BLUE)
    return saved(first, kind, save_all=True, append_images=[second], duration=100)


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """The header of a PNG of that size, and these chunks: no pixels need to be there."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pieces = [_chunk(*chunk) for chunk in (header, *chunks, (b"IDAT", b""), (b"IEND", b""))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def _chunk(name: bytes, content: bytes) -> bytes:
    length, checksum = len(content), zlib.crc32(name + content)
    return struct.pack(">I", length) + name + content + struct.pack(">I", checksum)


def text_bomb() -> bytes:
    """A comment that unpacks to 200 MB."""
    return png(8, 8, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)))


def profile_bomb() -> bytes:
    """A colour profile that does."""
    return png(8, 8, (b"iCCP", b"p\0\0" + zlib.compress(bytes(200_000_000), 9)))


def many_texts() -> bytes:
    """Each is small enough, all together are not."""
    text = b"Comment\0\0" + zlib.compress(bytes(PngImagePlugin.MAX_TEXT_CHUNK - 1), 9)
    return png(8, 8, *[(b"zTXt", text)] * 100)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg">' + MARKUP + b"</svg>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">' + MARKUP + b"</html>"

UNSUPPORTED = {
    "svg": SVG,
    "svg after white space": b"\r\n\t " + SVG,
    "svg after a byte order mark": b"\xef\xbb\xbf" + SVG,
    "svg in utf-16": SVG.decode().encode("utf-16"),
    "html": b"<!DOCTYPE html>" + MARKUP,
    "xhtml": XHTML,
    "comment first": b"<!-- GIF89a -->" + SVG,
    "tiff": saved(picture(8, 8), "TIFF"),
    "bmp": saved(picture(8, 8), "BMP"),
    "icon": saved(picture(16, 16), "ICO"),
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04" + bytes(30),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(30),
    "heic": b"\0\0\0\x18ftypheic" + bytes(16),
}
NO_IMAGES = {
    "nothing": b"",
    "text": b"Not a picture.",
    "zeros": bytes(100),
    "php": b"<?php".replace(b"<", b"\x01<"),
    "almost a jpeg": b"\xff\xd8",
    "other riff": b"RIFF\0\0\0\0AVI LIST",
}
TOO_MANY_PIXELS = {
    "png": png(50_000, 50_000),
    "png, one side": png(16_001, 1),
    "png, a little": png(7_072, 7_072),
    "gif": b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0;",
    "gif whose frame is larger": (
        b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0;"
    ),
    "webp": b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f\xff\xff\xff\x0f" + bytes(12),
}
DAMAGED = {
    **{
        f"half a {kind}": whole[: len(whole) // 2]
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
        for whole in [saved(picture(64, 64), kind)]
    },
    "jpeg without pixels": b"\xff\xd8\xff\xe0" + bytes(40),
    "png without pixels": png(8, 8),
    "text bomb": text_bomb(),
    "profile bomb": profile_bomb(),
    "many texts": many_texts(),
}
POLYGLOTS = {
    "jpeg and zip": jpeg(300, 300) + b"PK\x03\x04" + MARKUP,
    "jpeg and html": jpeg(300, 300, comment=b"*/" + MARKUP) + MARKUP,
    "png and html": saved(picture(300, 300), "PNG") + MARKUP,
    "gif and script": saved(picture(300, 300), "GIF", comment=b"=1;" + MARKUP) + MARKUP,
    "webp and html": saved(picture(300, 300), "WEBP", xmp=MARKUP) + MARKUP,
}
