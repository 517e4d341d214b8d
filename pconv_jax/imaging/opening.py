"""Opening image files: what is refused, from the header as far as possible, and why."""

import contextlib
import math
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import exif

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

# Not all that Pillow knows: some plugins start other programs, or open a second image of another size inside.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")

# What Pillow raises for EXIF data that is damaged.
BROKEN = (SyntaxError, struct.error, ValueError, TypeError, KeyError, OSError)

_lock = threading.Lock()
_readers = 0
_pillow_limit: int | None = None


class UnknownKind(InputError):
    """The file is no image that Pillow can read."""


@contextlib.contextmanager
def opened_file(path: Path) -> Iterator[IO[bytes]]:
    """A file, open for reading.

    Args:
        path: the file.

    Yields:
        Its content.

    Raises:
        InputError: it does not exist, is a folder or empty, or cannot be read.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder; name an image file in it.")
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            raise InputError(f"{path} is no file; name an image file.")
        if not status.st_size:
            raise InputError(f"{path} is empty; copy it again from where it came.")
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check its name.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); make it readable or name another.") from error
    with stream:
        yield stream


@contextlib.contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turns whatever the libraries raise for a damaged file into an error that names it.

    Args:
        path: the file.

    Yields:
        Nothing.

    Raises:
        InputError: the file is damaged, or the memory does not suffice.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} needs more memory than there is; make it smaller.") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is damaged or cut off ({reason}); copy it again from where it came.") from error


@contextlib.contextmanager
def opened_image(path: Path, stream: IO[bytes], *, max_pixels: int) -> Iterator["Image"]:
    """An image, of which only the header is read and checked.

    Args:
        path: what to call the file in an error.
        stream: its content.
        max_pixels: more are refused.

    Yields:
        The image, which can be loaded inside the context, whatever Pillow's own limit is.

    Raises:
        UnknownKind: it is no image that Pillow can read.
        InputError: it has too many pixels, several frames or 32 bits, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    with _without_pillow_limit():
        with refusing(path):
            Image.init()
            try:
                image = Image.open(stream, formats=[kind for kind in FORMATS if kind in Image.OPEN])
            except UnidentifiedImageError as error:
                raise UnknownKind(
                    f"{path} is no image, or of a kind that cannot be read; save it as PNG, JPEG or TIFF."
                ) from error
            check_size(path, image.size, max_pixels)
            if image.format != "MPO":  # a JPEG with a preview, a gain map, or the other half of a stereo pair
                check_frames(path, getattr(image, "n_frames", 1))
            if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):  # whose "I" has 16 bits
                kind = "float" if image.mode == "F" else "integer"
                raise InputError(
                    f"{path} has 32-bit {kind} pixels, which do not say which value is white; save 8 or 16 bits."
                )
        yield image


def check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Checks the size that a header claims.

    Args:
        path: what to call the file in an error.
        size: width and height.
        max_pixels: how many are allowed.

    Raises:
        InputError: it has more.
    """
    pixels = math.prod(size)
    if pixels > max_pixels:
        raise InputError(
            f"{path} has {size[0]} x {size[1]} = {pixels:,} pixels, and {max_pixels:,} are allowed; make it smaller."
        )


def check_frames(path: Path, frames: int) -> None:
    """Checks that it is clear which image is meant.

    Args:
        path: what to call the file in an error.
        frames: how many frames or pages it has.

    Raises:
        InputError: it has several.
    """
    if frames > 1:
        raise InputError(f"{path} has {frames} frames; save the one to restore as a file of its own.")


def load(stream: IO[bytes], image: "Image") -> tuple["Exif | None", int]:
    """Decodes all pixels, but not those of `in_planes`.

    Args:
        stream: the file.
        image: opened, not loaded.

    Returns:
        The EXIF data, None when it is damaged, and the orientation in the file. Pillow has turned the image upright
        if it is a TIFF file, and not if it is any other.

    Raises:
        Exception: of many types; the file is damaged.
    """
    if image.format == "TIFF":
        _, orientation = _exif(image)  # which Pillow forgets while it loads
        if not in_planes(image):
            image.load()
        return _exif(image)[0], orientation
    if image.format == "PNG":  # Pillow is content with one whose last chunks are missing
        place = stream.tell()
        list(png_chunks(stream))
        stream.seek(place)
    image.load()
    return _exif(image)


def in_planes(image: "Image") -> bool:
    """Whether a TIFF file holds 16-bit channels one after the other, which Pillow reads wrongly.

    Args:
        image: opened.

    Returns:
        Whether tifffile must decode it.
    """
    tags = getattr(image, "tag_v2", {})
    return tags.get(284) == 2 and max(tags.get(258, (1,))) == 16 and image.mode in ("RGB", "RGBA")


def png_chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG file.

    Args:
        stream: the file.

    Yields:
        Kind, place and whole length of each chunk, IEND included.

    Raises:
        ValueError: the file ends before.
    """
    place, kind = 8, b""
    while kind != b"IEND":
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            raise ValueError("its end is missing")
        length, kind = struct.unpack(">I4s", head)
        yield kind, place, length + 12
        place += length + 12


def bits(image: "Image", stream: IO[bytes]) -> int:
    """The bits of a channel in the file, where Pillow's mode often says 8.

    Args:
        image: opened.
        stream: the file.

    Returns:
        The bits; 8 for formats other than PNG, TIFF and PPM.
    """
    if image.format == "PNG":
        return head(stream, 25)[24]
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # type: ignore[attr-defined] # of TiffImageFile
    if image.format == "PPM" and image.mode == "RGB":
        fields = b" ".join(line.split(b"#")[0] for line in head(stream, 4096).split(b"\n")).split()
        return 16 if len(fields) > 3 and fields[3].isdigit() and int(fields[3]) > 255 else 8
    return 8


def head(stream: IO[bytes], size: int) -> bytes:
    """The first bytes of a file.

    Args:
        stream: the file, which stays where it is.
        size: how many.

    Returns:
        The bytes.
    """
    place = stream.tell()
    stream.seek(0)
    found = stream.read(size)
    stream.seek(place)
    return found


def _exif(image: "Image") -> tuple["Exif | None", int]:
    try:
        if block := image.info.get("exif"):
            exif.upright(exif.bare(block))  # Pillow is content with less
        tags = image.getexif()
        return tags, tags.get(exif.ORIENTATION, 1)
    except BROKEN:
        return None, 1


@contextlib.contextmanager
def _without_pillow_limit() -> Iterator[None]:
    """Lifts Pillow's own limit of pixels, for all threads, until the last of our readers is done."""
    from PIL import Image

    global _readers, _pillow_limit
    with _lock:
        if not _readers:
            _pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if not _readers:
                Image.MAX_IMAGE_PIXELS = _pillow_limit
