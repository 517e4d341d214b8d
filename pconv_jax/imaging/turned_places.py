"""Places in an image that its metadata name, such as faces, once the image is turned upright.

They are those of the pixels as they were stored: EXIF 2.3 on SubjectArea; the Metadata Working Group's guidelines 2.0
on regions, whose numbers are shares of the width and height; Microsoft's People schema likewise.
"""

import re

TRANSPOSED = (5, 6, 7, 8)
"""Orientations of an image that lies on a side."""
_NUMBER = rb"-?[\d.]+(?:[eE][-+]?\d+)?"
_AREA, _DIMENSIONS = (
    re.compile(rb"<mwg-rs:%s\b(?:[^>]{0,2000}/>|.{0,2000}?</mwg-rs:%s>)" % (name, name), re.DOTALL)
    for name in (b"Area", b"AppliedToDimensions")
)
_MOST = 10_000  # of both: a packet with more was made to take time
_RECTANGLE = re.compile(rb"((?<![/\w])MPReg:Rectangle(?:\s*=\s*[\"']|\s*>\s*))([-\d.,\s]+)")
_SIDES = ((b"exif:PixelXDimension", b"exif:PixelYDimension"), (b"tiff:ImageWidth", b"tiff:ImageLength"))


def turned_place(x: float, y: float, width: float, height: float, orientation: int) -> tuple[float, float]:
    """A place in an image that is turned upright.

    Args:
        x: across, in the image as it was stored.
        y: down.
        width: the greatest x; 1 for shares.
        height: the greatest y.
        orientation: the value of the EXIF tag, 1 to 8.

    Returns:
        The same across and down.
    """
    if orientation in TRANSPOSED:
        x, y, width, height = y, x, height, width
    if orientation in (2, 3, 6, 7):
        x = width - x
    if orientation in (3, 4, 7, 8):
        y = height - y
    return x, y


def turned_xmp(xmp: bytes, orientation: int) -> bytes:
    """A packet of XMP whose regions and sides are those of the upright image; all else byte for byte.

    Args:
        xmp: the packet.
        orientation: the value of the EXIF tag, 1 to 8.
    """
    if orientation not in range(2, 9) or xmp.count(b"<mwg-rs:A") > _MOST:
        return xmp
    transposed = orientation in TRANSPOSED
    xmp = _AREA.sub(lambda found: _turned_area(found[0], orientation), xmp)
    xmp = _RECTANGLE.sub(lambda found: found[1] + _turned_rectangle(found[2], orientation), xmp)
    if transposed:
        xmp = _DIMENSIONS.sub(lambda found: _exchanged(found[0], b"stDim:w", b"stDim:h"), xmp)
        for first, second in _SIDES:
            xmp = _exchanged(xmp, first, second)
    return xmp


def _turned_area(area: bytes, orientation: int) -> bytes:
    """A region, `stArea:x` and `y` its middle."""
    x, y = (_pattern(name).search(area) for name in (b"stArea:x", b"stArea:y"))
    if x is None or y is None:
        return area
    try:
        place = turned_place(float(x[2]), float(y[2]), 1, 1, orientation)
    except ValueError:
        return area
    area = _replaced(_replaced(area, b"stArea:x", _written(place[0])), b"stArea:y", _written(place[1]))
    return _exchanged(area, b"stArea:w", b"stArea:h") if orientation in TRANSPOSED else area


def _turned_rectangle(numbers: bytes, orientation: int) -> bytes:
    """A rectangle, its upper left corner and its sides, with commas."""
    try:
        left, top, width, height = (float(each) for each in numbers.split(b","))
    except ValueError:
        return numbers
    (left, right), (top, bottom) = (
        sorted(sides)
        for sides in zip(
            turned_place(left, top, 1, 1, orientation),
            turned_place(left + width, top + height, 1, 1, orientation),
            strict=True,
        )
    )
    return b", ".join(map(_written, (left, top, right - left, bottom - top)))


def _exchanged(text: bytes, first: bytes, second: bytes) -> bytes:
    """The text with the numbers of two names exchanged, if it has both."""
    one, other = (_pattern(name).search(text) for name in (first, second))
    if one is None or other is None:
        return text
    return _replaced(_replaced(text, first, other[2]), second, one[2])


def _replaced(text: bytes, name: bytes, number: bytes) -> bytes:
    """The text with another number behind the first place of a name."""
    return _pattern(name).sub(lambda found: found[1] + number, text, count=1)


def _pattern(name: bytes) -> "re.Pattern[bytes]":
    """A name of XMP, as an attribute or an element, and its number."""
    return re.compile(rb"((?<![/\w])" + name + rb"(?:\s*=\s*[\"']|\s*>\s*))(" + _NUMBER + rb")")


def _written(value: float) -> bytes:
    return f"{value:.6f}".rstrip("0").rstrip(".").encode()
