"""EXIF blocks, changed where they must be and left alone, byte for byte, everywhere else.

A block is a small TIFF file: a byte order, the place of its first directory, and directories of 12-byte entries, which
point to their values by their place in the block. Makers' notes do that too, in ways that only their maker knows, so
nothing may move.
"""

import fractions
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pconv_jax.imaging.turned_places import TRANSPOSED, turned_place

if TYPE_CHECKING:
    from PIL.Image import Exif

PREFIX = b"Exif\0\0"  # before the block in JPEG, and in some WebP files
EMPTY = b"II*\0\x08\0\0\0" + bytes(6)

ORIENTATION, PROFILE = 274, 34675
RESOLUTION = X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
# What TIFF files say about the layout of their pixels, their profile and their resolution.
LAYOUT = frozenset(
    [
        *(254, 255, *range(256, 267), 273, 274, *range(277, 285), *range(288, 294), 296, 301, 317),
        *(*range(320, 326), 330, *range(332, 335), *range(336, 344), 347, *range(512, 522), *range(529, 533), 34675),
    ]
)
_EXIF, _PIXELS, _SUBJECTS = 34665, (0xA002, 0xA003), (0x9214, 0xA214)
_MOST_DPI = 65535  # that JPEG can say
BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
# What Pillow raises for EXIF data that is damaged.
DAMAGED = (SyntaxError, struct.error, ValueError, TypeError, KeyError, OSError)
_LETTERS = {SHORT: "H", LONG: "I", RATIONAL: "I"}


class Values(NamedTuple):
    """The values of a tag: numbers, those of a rational as numerator and denominator, or bytes."""

    kind: int
    values: tuple[int, ...] | bytes


def bare(block: bytes) -> bytes:
    """A block from Pillow without the prefix that it has in JPEG files, twice in some."""
    return block.removeprefix(PREFIX).removeprefix(PREFIX)


def byte_order(block: bytes | memoryview) -> str:
    """The byte order of an EXIF block or TIFF file, "<" or ">"; ValueError if it is neither."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        raise ValueError("no EXIF block")
    return order


def upright(block: bytes) -> bytes:
    """The block, of the same length, that calls its image upright and has no preview; ValueError if it is damaged.

    If the image lies on a side, the resolutions across and down change places, and so do its sides in pixels; the place
    of its subject is turned with it.
    """
    order, entries, end = _first_directory(block)
    changed = bytearray(block)
    if ORIENTATION in entries:
        place = entries[ORIENTATION]
        (orientation,) = struct.unpack_from(f"{order}H", block, place + 8)
        across, down = (entries.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
        if orientation in TRANSPOSED and across and down:
            changed[across + 2 : across + 12], changed[down + 2 : down + 12] = (
                block[down + 2 : down + 12],
                block[across + 2 : across + 12],
            )
        changed[place + 2 : place + 12] = struct.pack(f"{order}HIHH", SHORT, 1, 1, 0)
        if _EXIF in entries:
            _turn_places(changed, order, entries[_EXIF], orientation)
    changed[end : end + 4] = bytes(len(block[end : end + 4]))  # the second directory holds the preview
    return bytes(changed)


def _turn_places(block: bytearray, order: str, entry: int, orientation: int) -> None:
    """Turns what the EXIF directory says of places in the image; what is damaged in it stays."""
    try:
        (start,) = struct.unpack_from(f"{order}I", block, entry + 8)
        _, entries, _ = _directory_at(block, order, start)
        sides = [entries[tag] for tag in _PIXELS if tag in entries]
        if len(sides) < len(_PIXELS):
            return
        width, height = (_whole(block, order, side) for side in sides)
        for tag in _SUBJECTS:
            if tag in entries:
                _turn_subject(block, order, entries[tag], (width, height), orientation)
        if orientation in TRANSPOSED:
            across, down = (slice(side + 2, side + 12) for side in sides)
            block[across], block[down] = block[down], block[across]
    except (struct.error, ValueError):
        return


def _turn_subject(block: bytearray, order: str, entry: int, sides: tuple[int, int], orientation: int) -> None:
    """Turns the middle of a point, circle or rectangle, and its sides."""
    kind, count = struct.unpack_from(f"{order}HI", block, entry + 2)
    if kind != SHORT or count not in (2, 3, 4):
        return
    place = entry + 8 if count == 2 else struct.unpack_from(f"{order}I", block, entry + 8)[0]
    x, y, *rest = struct.unpack_from(f"{order}{count}H", block, place)
    middle = turned_place(x, y, sides[0] - 1, sides[1] - 1, orientation)
    values = [*middle, *(rest[::-1] if orientation in TRANSPOSED else rest)]
    struct.pack_into(f"{order}{count}H", block, place, *(min(max(0, int(each)), 65535) for each in values))


def _whole(block: bytearray, order: str, entry: int) -> int:
    kind, count = struct.unpack_from(f"{order}HI", block, entry + 2)
    if kind not in (SHORT, LONG) or count != 1:
        raise ValueError("no number of pixels")
    number: int = struct.unpack_from(f"{order}{_LETTERS[kind]}", block, entry + 8)[0]
    return number


def extended(
    block: bytes, added: Mapping[int, Values], *, keep: Callable[[int], bool], at: int | None = None
) -> tuple[bytes, bytes]:
    """A block with a new first directory, placed behind everything else.

    Args:
        block: an EXIF block.
        added: tag -> values; they replace those of the block.
        keep: whether a tag of the block stays.
        at: where the directory will stand; an even number, at least the length of the first part. None for directly
            behind it.

    Returns:
        The block, of an even length, and the directory; both must be written to the file.

    Raises:
        ValueError: the block is damaged.
    """
    block = block + bytes(len(block) % 2)
    at = len(block) if at is None else at
    directory = new_directory(block, added, keep=keep, at=at)
    return block[:4] + struct.pack(f"{byte_order(block)}I", at) + block[8:], directory


def new_directory(
    block: bytes | memoryview, added: Mapping[int, Values], *, keep: Callable[[int], bool], at: int
) -> bytes:
    """The new first directory of a block, as in `extended`, to stand at a place behind it."""
    order, places, _ = _first_directory(block)
    kept = {tag: bytes(block[place : place + 12]) for tag, place in places.items() if keep(tag) and tag not in added}
    behind = at + 2 + 12 * (len(kept) + len(added)) + 4
    values = b""
    for tag, (kind, given) in added.items():
        data = given if isinstance(given, bytes) else struct.pack(f"{order}{len(given)}{_LETTERS[kind]}", *given)
        count = len(given) // 2 if kind == RATIONAL else len(given)
        if len(data) > 4:
            field = struct.pack(f"{order}I", behind + len(values))
            values += data + bytes(len(data) % 2)
        else:
            field = data.ljust(4, b"\0")
        kept[tag] = struct.pack(f"{order}HHI", tag, kind, count) + field
    entries = b"".join(kept[tag] for tag in sorted(kept))
    return struct.pack(f"{order}H", len(kept)) + entries + bytes(4) + values


def resolution_tags(dpi: tuple[float, float]) -> Mapping[int, Values]:
    """The tags of a resolution: pixels per inch, across and down."""
    across, down = (fractions.Fraction(side).limit_denominator(10_000) for side in dpi)
    return {
        X_RESOLUTION: Values(RATIONAL, (across.numerator, across.denominator)),
        Y_RESOLUTION: Values(RATIONAL, (down.numerator, down.denominator)),
        RESOLUTION_UNIT: Values(SHORT, (2,)),
    }


def dpi_of(tags: "Exif") -> tuple[float, float] | None:
    """The resolution in the tags that Pillow reads: pixels per inch, across and down; None if there is none."""
    scale = {2: 1.0, 3: 2.54}.get(tags.get(RESOLUTION_UNIT, 2))
    found = dpi((tags.get(X_RESOLUTION), tags.get(Y_RESOLUTION)))
    return None if scale is None or found is None else dpi((found[0] * scale, found[1] * scale))


def upright_dpi(found: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    """The resolution of an image that is turned upright, from that in its file."""
    return found[::-1] if found and orientation in TRANSPOSED else found


def dpi_in(block: bytes) -> tuple[float, float] | None:
    """The resolution in a valid EXIF block: pixels per inch, across and down; None if there is none."""
    from PIL import Image

    tags = Image.Exif()
    tags.load(block)
    return dpi_of(tags)


def dpi(found: Any) -> tuple[float, float] | None:
    """Pixels per inch, across and down, if the values of the file are valid; otherwise None."""
    try:
        across, down = map(float, found)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(0 < side <= _MOST_DPI for side in (across, down)) else None


def _first_directory(block: bytes | memoryview) -> tuple[str, dict[int, int], int]:
    """The byte order, the place of every entry, and of what follows them: the place of the next directory."""
    order = byte_order(block)
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
    except struct.error as error:
        raise ValueError("a damaged EXIF block") from error
    return _directory_at(block, order, start)


def _directory_at(block: bytes | bytearray | memoryview, order: str, start: int) -> tuple[str, dict[int, int], int]:
    """As `_first_directory`, of any directory."""
    try:
        (count,) = struct.unpack_from(f"{order}H", block, start)
        places = range(start + 2, start + 2 + 12 * count, 12)
        if places.stop > len(block):
            raise ValueError("a damaged EXIF block")
        return order, {struct.unpack_from(f"{order}H", block, place)[0]: place for place in places}, places.stop
    except struct.error as error:
        raise ValueError("a damaged EXIF block") from error
