"""How many bits a channel of an image file has, where Pillow decodes fewer."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from pconv_jax.imaging.boxes import boxes, description, properties
from pconv_jax.imaging.opening import head

if TYPE_CHECKING:
    from PIL.Image import Image

_CODESTREAM = b"\xff\x4f\xff\x51"  # how JPEG 2000 begins outside of a .jp2 file
_VARIOUS = 255


def bits(image: "Image", stream: IO[bytes]) -> int:
    """The bits of a channel in an opened file, the most that one has, where Pillow's mode often says 8.

    8 for formats that have no more, and for JPEG XL, of which it is not known. The stream stays where it is.
    """
    if image.format == "PNG":
        return head(stream, 25)[24]
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # type: ignore[attr-defined] # of TiffImageFile
    if image.format == "PPM" and image.mode == "RGB":
        fields = b" ".join(line.split(b"#")[0] for line in head(stream, 4096).split(b"\n")).split()
        return 16 if len(fields) > 3 and fields[3].isdigit() and int(fields[3]) > 255 else 8
    if image.format == "JPEG2000":
        return max(_of_jpeg2000(stream), default=8)
    if image.format in ("AVIF", "HEIF"):
        return max(_of_video(stream), default=8)
    return 8


def _of_jpeg2000(stream: IO[bytes]) -> Iterator[int]:
    """Of each channel; from the header of the codestream where there are no boxes."""
    start = head(stream, 2048)
    if start.startswith(_CODESTREAM):
        found = start[42 : 42 + 3 * int.from_bytes(start[40:42], "big") : 3]
    else:
        said = dict(boxes(description(stream, b"jp2h")))
        found = said.get(b"ihdr", b"")[10:11]
        if found == bytes([_VARIOUS]):
            found = said.get(b"bpcc", b"")
    for each in found:  # the highest bit is that of the sign
        yield (each & 127) + 1


def _of_video(stream: IO[bytes]) -> Iterator[int]:
    """Of each picture that is coded with AV1 or HEVC."""
    for kind, data in properties(stream):
        if kind == b"av1C" and len(data) > 2:
            yield 8 + 2 * (data[2] >> 6 & 1) + 2 * (data[2] >> 5 & 1)
        elif kind == b"hvcC" and len(data) > 17:
            yield 8 + (data[17] & 7)
