"""The type of a file by its content: names and declared types say what somebody wishes."""

from functions.images.picture import Refused

_KINDS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
}
_AVIF_BRANDS = (b"avif", b"avis")
_OTHERS = (b"II*\0", b"MM\0*", b"BM", b"%PDF", b"PK\x03\x04", b"8BPS", b"\x1f\x8b", b"\0\0\1\0")
_WHITE = b" \t\r\n\f\0\xef\xbb\xbf\xff\xfe"
"""What may stand before markup: white space, byte order marks, and the halves of UTF-16."""
TAKEN = "JPEG, PNG, WebP, GIF or AVIF"


def kind_of(content: bytes) -> str:
    """The format, as Pillow calls it: JPEG, PNG, GIF, WEBP or AVIF.

    Raises:
        Refused: it is none of these.
    """
    for kind, beginnings in _KINDS.items():
        if content.startswith(beginnings):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in _AVIF_BRANDS:
        return "AVIF"
    raise _refusal(content)


def _refusal(content: bytes) -> Refused:
    if content.lstrip(_WHITE).startswith(b"<"):
        text = f"SVG, HTML and other markup may hold scripts. Upload {TAKEN}."
        return Refused("unsupported_type", text)
    if content.startswith(_OTHERS) or content[4:8] == b"ftyp":
        return Refused("unsupported_type", f"This type is not taken. Upload {TAKEN}.")
    return Refused("not_an_image", f"This is no picture. Upload {TAKEN}.")
