"""How image files compress their pixels, so that a result can be compressed the same way."""

from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pconv_jax.imaging.turned_places import TRANSPOSED

if TYPE_CHECKING:
    from PIL.Image import Image

_LOSSLESS = frozenset(["PNG", "BMP", "GIF", "PPM"])
# JPEG, old and new; JPEG 2000, LERC, WebP and JPEG XL, which may be either; lossy DNG.
_LOSSY_TIFF = frozenset([6, 7, 33003, 33005, 34712, 34887, 34892, 50001, 50002, 52546])


class JpegCoding(NamedTuple):
    """How a JPEG file was compressed.

    Attributes:
        tables: quantisation steps of the first component, and of the second and third; 64 each, row by row.
        sampling: of the chroma, as Pillow names it: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0.
        progressive: whether it is progressive.
        rgb: whether its components are red, green and blue.
    """

    tables: tuple[tuple[int, ...], ...]
    sampling: int
    progressive: bool
    rgb: bool


def jpeg_coding(image: "Image", orientation: int) -> JpegCoding | None:
    """How an opened JPEG file is compressed, as it applies to the upright image; None for inks and other formats."""
    from PIL import JpegImagePlugin

    if image.format not in ("JPEG", "MPO") or image.mode not in ("L", "RGB"):
        return None
    found: Any = image
    tables = [tuple(found.quantization[layer[3]]) for layer in found.layer]
    rgb = image.mode == "RGB" and (
        image.info.get("adobe_transform") == 0 or [layer[0] for layer in found.layer] == [*b"RGB"]
    )
    # Others, e.g. 4:4:0 or those of red, green and blue, Pillow cannot write: none.
    sampling = 0 if rgb else max(0, JpegImagePlugin.get_sampling(image))
    if orientation in TRANSPOSED:
        tables = [tuple(table[8 * (i % 8) + i // 8] for i in range(64)) for table in tables]
        sampling = 0 if sampling == 1 else sampling
    if len(tables) == 3 and tables[1] == tables[2]:
        tables.pop()
    return JpegCoding(tuple(tables), sampling, bool(image.info.get("progressive")), rgb)


def is_lossless(image: "Image", stream: IO[bytes]) -> bool:
    """Whether an opened file holds its pixels without loss; the stream stays where it is."""
    if image.format == "TIFF":
        return is_lossless_tiff(image.tag_v2.get(259, 1))  # type: ignore[attr-defined] # of TiffImageFile
    return _webp_is_lossless(stream) if image.format == "WEBP" else image.format in _LOSSLESS


def is_lossless_tiff(compression: int) -> bool:
    """Whether a TIFF file's compression, the number of its tag, loses nothing."""
    return compression not in _LOSSY_TIFF


def _webp_is_lossless(stream: IO[bytes]) -> bool:
    place = stream.tell()
    try:
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            if head[:4] in (b"VP8L", b"VP8 "):
                return head[:4] == b"VP8L"
            if head[:4] == b"ANMF":
                stream.seek(16, 1)  # its chunks are those of an image
            else:
                length = int.from_bytes(head[4:], "little")
                stream.seek(length + length % 2, 1)
        return False
    finally:
        stream.seek(place)
