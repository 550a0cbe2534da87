"""QR codes (ISO/IEC 18004): bytes, error correction level L, as SVG."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from local_stack.auth.errors import invalid

_EC_PER_BLOCK = (
    *(7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28),
    *(28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30),
)
_BLOCKS = (
    *(1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8),
    *(8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25),
)
_FORMAT_BITS = 0b01000  # level L, mask 0
_QUIET = 4
"""Modules of empty border."""

Grid = list[list[bool | None]]


def svg(text: str) -> str:
    """The QR code of a text.

    Raises:
        AuthError: 400, the text is longer than a QR code can hold.
    """
    modules = matrix(text.encode())
    size = len(modules) + 2 * _QUIET
    path = "".join(
        f"M{x + _QUIET},{y + _QUIET}h1v1h-1z"
        for y, row in enumerate(modules)
        for x, dark in enumerate(row)
        if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        f'width="{3 * size}" height="{3 * size}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="white"/>'
        f'<path d="{path}" fill="black"/></svg>'
    )


def matrix(data: bytes) -> list[list[bool]]:
    """The modules of the smallest QR code that holds the data, row by row, True is dark."""
    version = _version(len(data))
    grid, reserved = _function_patterns(version)
    bits = _bits(_interleaved(_codewords(data, version), version))
    for x, y in _zigzag(len(grid)):
        if not reserved[y][x]:
            # Any of the eight masks may be used: the first turns every other module round.
            grid[y][x] = next(bits, False) ^ ((x + y) % 2 == 0)
    return [[bool(module) for module in row] for row in grid]


def _version(length: int) -> int:
    for version in range(1, 41):
        if length <= _capacity(version) - (2 if version < 10 else 3):
            return version
    raise invalid("The text is too long for a QR code")


def _capacity(version: int) -> int:
    """Bytes of data, with the header."""
    return _raw_modules(version) // 8 - _EC_PER_BLOCK[version - 1] * _BLOCKS[version - 1]


def _raw_modules(version: int) -> int:
    """Modules that are no pattern, for data and error correction."""
    count = (16 * version + 128) * version + 64
    if version >= 2:
        aligned = version // 7 + 2
        count -= (25 * aligned - 10) * aligned - 55
    return count - 36 if version >= 7 else count


def _codewords(data: bytes, version: int) -> bytes:
    length_bits = 8 if version < 10 else 16
    capacity = _capacity(version)
    header = (0b0100 << length_bits | len(data), 4 + length_bits)
    value, count = (header[0] << 8 * len(data) | int.from_bytes(data)), header[1] + 8 * len(data)
    end = min(4, capacity * 8 - count)
    end += -(count + end) % 8
    body = (value << end).to_bytes((count + end) // 8)
    padding = b"\xec\x11" * capacity
    return body + padding[: capacity - len(body)]


def _interleaved(data: bytes, version: int) -> bytes:
    """The blocks' bytes in turn, then those of their error correction."""
    blocks, ec_length = _BLOCKS[version - 1], _EC_PER_BLOCK[version - 1]
    short, longer = divmod(len(data), blocks)
    starts = [i * short + max(0, i - (blocks - longer)) for i in range(blocks + 1)]
    parts = [data[a:b] for a, b in pairwise(starts)]
    divisor = _generator(ec_length)
    checks = [_remainder(part, divisor) for part in parts]
    mixed = bytearray()
    for columns in (parts, checks):
        for i in range(max(map(len, columns))):
            mixed += bytes(column[i] for column in columns if i < len(column))
    return bytes(mixed)


def _multiply(a: int, b: int) -> int:
    """In the field of 256 elements modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(7, -1, -1):
        product = (product << 1) ^ (0x11D if product & 0x80 else 0)
        product ^= a if b >> bit & 1 else 0
    return product


def _generator(degree: int) -> list[int]:
    """The Reed-Solomon divisor, without its leading one."""
    result = [0] * (degree - 1) + [1]
    root = 1
    for _ in range(degree):
        result = [
            _multiply(value, root) ^ (result[i + 1] if i + 1 < degree else 0)
            for i, value in enumerate(result)
        ]
        root = _multiply(root, 2)
    return result


def _remainder(data: bytes, divisor: list[int]) -> bytes:
    result = [0] * len(divisor)
    for byte in data:
        factor = byte ^ result[0]
        result = [
            shifted ^ _multiply(coefficient, factor)
            for shifted, coefficient in zip([*result[1:], 0], divisor, strict=True)
        ]
    return bytes(result)


def _function_patterns(version: int) -> tuple[Grid, list[list[bool]]]:
    """The modules that are the same in every code of this size, and where they are."""
    size = 4 * version + 17
    grid: Grid = [[None] * size for _ in range(size)]

    def put(x: int, y: int, dark: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            grid[y][x] = dark

    for i in range(size):
        put(6, i, i % 2 == 0)
        put(i, 6, i % 2 == 0)
    for x, y in ((3, 3), (size - 4, 3), (3, size - 4)):
        _rings(put, x, y, 4, light={2, 4})
    centres = _alignment(version, size)
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    for x, y in ((x, y) for x in centres for y in centres if (x, y) not in corners):
        _rings(put, x, y, 2, light={1})
    _format(put, size)
    if version >= 7:
        _version_information(put, version, size)
    return grid, [[module is not None for module in row] for row in grid]


def _rings(put: Callable[[int, int, bool], None], x: int, y: int, r: int, light: set[int]) -> None:
    for dx in range(-r, r + 1):
        for dy in range(-r, r + 1):
            put(x + dx, y + dy, max(abs(dx), abs(dy)) not in light)


def _alignment(version: int, size: int) -> list[int]:
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 8 + count * 3 + 5) // (count * 4 - 4) * 2
    return [6, *sorted(size - 7 - i * step for i in range(count - 1))]


def _format(put: Callable[[int, int, bool], None], size: int) -> None:
    rest = _FORMAT_BITS
    for _ in range(10):
        rest = (rest << 1) ^ (rest >> 9) * 0x537
    bits = (_FORMAT_BITS << 10 | rest) ^ 0x5412
    for i in range(15):
        dark = bool(bits >> i & 1)
        along = i if i < 6 else i + 1 if i < 8 else 0
        if i < 8:
            put(8, along, dark)
            put(size - 1 - i, 8, dark)
        else:
            put(7 if i == 8 else 14 - i, 8, dark)
            put(8, size - 15 + i, dark)
    put(8, size - 8, True)


def _version_information(put: Callable[[int, int, bool], None], version: int, size: int) -> None:
    rest = version
    for _ in range(12):
        rest = (rest << 1) ^ (rest >> 11) * 0x1F25
    bits = version << 12 | rest
    for i in range(18):
        dark = bool(bits >> i & 1)
        a, b = size - 11 + i % 3, i // 3
        put(a, b, dark)
        put(b, a, dark)


def _zigzag(size: int) -> Iterator[tuple[int, int]]:
    """Columns in pairs from the right, up and down in turn, around the timing column."""
    upwards = True
    for right in range(size - 1, 0, -2):
        left_of_timing = right - (right <= 6)
        for step in range(size):
            y = size - 1 - step if upwards else step
            yield left_of_timing, y
            yield left_of_timing - 1, y
        upwards = not upwards


def _bits(data: bytes) -> Iterator[bool]:
    return (bool(byte >> i & 1) for byte in data for i in range(7, -1, -1))
