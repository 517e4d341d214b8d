"""Opening of every image file, and what is refused from its header."""

import contextlib
import io
import stat
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING

from pconv_jax.common.errors import InputError, NotEnoughMemory, reason
from pconv_jax.common.extras import how_to_install
from pconv_jax.imaging.formats import FORMATS
from pconv_jax.imaging.limits import LARGEST_TEXT, check_content, check_size
from pconv_jax.imaging.plugins import EXTRA, plugin_for, registered

if TYPE_CHECKING:
    from PIL.Image import Image

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EASY_COMPRESSIONS = (1, 8, 32946, 5, 32773)
_PIECE = 2**20  # bytes that are read at a time

_lock = threading.Lock()
_readers = 0
_pillow_limits: dict[tuple[ModuleType, str], int | None] = {}


class UnknownFormat(InputError):
    """The file is not an image that Pillow can read."""


@contextlib.contextmanager
def opened_file(file: bytes | Path, name: str) -> Iterator[IO[bytes]]:
    """A file, open for reading.

    Args:
        file: its path or its content.
        name: what to call it in an error.

    Yields:
        Its content.

    Raises:
        InputError: it does not exist, is a folder or empty, or cannot be read.
    """
    if isinstance(file, bytes):
        if not file:
            raise _empty(name)
        yield io.BytesIO(file)
        return
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name} is a folder: give an image file in it")
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait forever
            raise InputError(f"{name} is not a regular file: give an image file")
        if not status.st_size:
            raise _empty(name)
        stream = file.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist: check its name") from error
    except OSError as error:
        raise InputError(f"{name} cannot be read ({reason(error)}): make it readable or choose another") from error
    with stream:
        yield stream


def _empty(name: str) -> InputError:
    return InputError(f"{name} is empty: copy it again from its source")


@contextlib.contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turns whatever the libraries raise for a damaged file into an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise NotEnoughMemory(f"{name} needs more memory than is available: make it smaller") from error
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name} is damaged or cut off ({said}): copy it again from its source") from error


@contextlib.contextmanager
def opened_image(name: str, stream: IO[bytes], *, max_pixels: int | None, first_frame: bool) -> Iterator["Image"]:
    """An image, of which only the header is read and checked.

    Args:
        name: what to call the file in an error.
        stream: its content.
        max_pixels: more are refused; None for the usual limit.
        first_frame: whether the first of several frames counts; otherwise they are refused.

    Yields:
        The image, which can be loaded inside the context, whatever Pillow's own limits are.

    Raises:
        UnknownFormat: it is not an image that Pillow can read.
        InputError: it has too many pixels, several frames or 32 bits, or is damaged.
    """
    from PIL import Image, UnidentifiedImageError

    with _without_pillow_limits():
        with refusing(name):
            Image.init()
            plugin = plugin_for(head(stream, 12))
            missing = plugin is not None and not registered(plugin)
            try:
                image = Image.open(stream, formats=[each.name for each in FORMATS if each.name in Image.OPEN])
            except UnidentifiedImageError as error:
                raise UnknownFormat(
                    f"{name} is not an image, or of a kind that cannot be read: save it as PNG, JPEG or TIFF"
                    + (f", or {how_to_install(EXTRA)}" if missing else "")
                ) from error
            check_size(name, image.size, max_pixels)
            check_content(image, stream)
            if not first_frame and image.format != "MPO":  # a JPEG with a preview, a gain map, or a stereo pair
                check_frames(name, getattr(image, "n_frames", 1))
            if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):  # whose "I" has 16 bits
                raise without_white(name, 32, "float" if image.mode == "F" else "integer")
        yield image


def without_white(name: str, bits: int, kind: str) -> InputError:
    """The error of a file whose numbers do not say which of them is white."""
    return InputError(f"{name} has {bits}-bit {kind} pixels, which do not say which value is white: save 8 or 16 bits")


def check_frames(name: str, frames: int) -> None:
    """Refuses a file of several images, as it is not clear which one is meant."""
    if frames > 1:
        raise InputError(f"{name} has {frames} frames: save the one you mean as a file of its own")


def misread_by_pillow(image: "Image") -> bool:
    """Whether Pillow reads the channels of a TIFF file wrongly.

    Those that stand one after the other, if they have 16 bits or are more than colours and alpha; and those of 8 bits
    that are multiplied by their alpha, as it does not round where it divides.
    """
    tags = getattr(image, "tag_v2", {})
    further = tags.get(277, 1) > len(image.getbands())
    if tags.get(284) == 2 and (max(tags.get(258, (1,))) == 16 or further):
        return image.mode in ("RGB", "RGBA")
    associated = tags.get(338, ())[:1] == (1,) and set(tags.get(258, ())) == {8} and tags.get(262) in (1, 2)
    return associated and tags.get(259, 1) in _EASY_COMPRESSIONS


def png_chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and whole length of each chunk of a PNG file, IEND included; ValueError if it ends before."""
    place, kind = 8, b""
    while kind != b"IEND":
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            raise ValueError("its end is missing")
        length, kind = struct.unpack(">I4s", head)
        yield kind, place, length + 12
        place += length + 12


def check_png(stream: IO[bytes], *, every_chunk: bool = False) -> None:
    """Compares the checksums of what makes the picture, which Pillow leaves out for the pixels; moves the stream.

    With `every_chunk`, those of metadata too. ValueError if one is wrong, or if the file ends before its end.
    """
    for kind, place, size in png_chunks(stream):
        if not (every_chunk or kind[:1].isupper() or kind == b"eXIf"):  # neither pixels nor how the picture lies
            continue
        stream.seek(place + 4)
        checksum, left = 0, size - 8
        while left and (part := stream.read(min(left, _PIECE))):
            checksum, left = zlib.crc32(part, checksum), left - len(part)
        if stream.read(4) != struct.pack(">I", checksum):
            raise ValueError(f"the checksum of its {kind.decode('latin-1')!r} data is wrong")


def head(stream: IO[bytes], size: int) -> bytes:
    """The first bytes of a file; the stream stays where it is."""
    place = stream.tell()
    stream.seek(0)
    found = stream.read(size)
    stream.seek(place)
    return found


@contextlib.contextmanager
def _without_pillow_limits() -> Iterator[None]:
    """Lifts Pillow's own limits of pixels and texts, for all threads, until the last of our readers is done."""
    from PIL import Image, PngImagePlugin

    limits = {
        (Image, "MAX_IMAGE_PIXELS"): None,
        (PngImagePlugin, "MAX_TEXT_CHUNK"): LARGEST_TEXT,  # of an ICC profile, too
        (PngImagePlugin, "MAX_TEXT_MEMORY"): 2 * LARGEST_TEXT,
    }
    global _readers
    with _lock:
        if not _readers:
            _pillow_limits.update({place: getattr(*place) for place in limits})
            for place, limit in limits.items():
                setattr(*place, limit)
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if not _readers:
                for place, limit in _pillow_limits.items():
                    setattr(*place, limit)
