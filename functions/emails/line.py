"""Text from outside as one line that shows what it holds, and does nothing else."""

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
"""They would turn around what comes after them, as in `photo_gpj.exe`."""
_SURROGATES = range(0xD800, 0xE000)
_PLAIN = (
    dict.fromkeys(_CONTROLS, " ")
    | dict.fromkeys(_DIRECTIONS, "")
    | dict.fromkeys(_SURROGATES, "\ufffd")
)


def one_line(text: str) -> str:
    """The same text without line breaks, control characters, and overrides of the direction."""
    return text if text.isprintable() else text.translate(_PLAIN)
