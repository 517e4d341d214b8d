"""Content credentials (C2PA): signed for the bytes of one file, so that they cannot hold for a result."""

from typing import IO, TYPE_CHECKING, Any

from pconv_jax.imaging.opening import png_chunks

if TYPE_CHECKING:
    from PIL.Image import Image

TIFF_CREDENTIALS = 52545  # a tag
NOT_KEPT = "its content credentials (C2PA) do not hold for the result and are not kept"


def has_credentials(image: "Image", stream: IO[bytes]) -> bool:
    """Whether an opened JPEG, PNG or WebP file has them; the stream stays where it is."""
    place = stream.tell()
    try:
        if image.format in ("JPEG", "MPO"):
            segments: Any = getattr(image, "applist", [])
            return any(name == "APP11" and data[:2] == b"JP" and b"c2pa" in data for name, data in segments)
        if image.format == "PNG":
            return any(kind == b"caBX" for kind, _, _ in png_chunks(stream))
        return image.format == "WEBP" and _in_webp(stream)
    finally:
        stream.seek(place)


def _in_webp(stream: IO[bytes]) -> bool:
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        if head[:4] == b"C2PA":
            return True
        length = int.from_bytes(head[4:], "little")
        stream.seek(length + length % 2, 1)
    return False
