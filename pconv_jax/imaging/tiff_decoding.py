"""What only TIFF files have: their tags all over the file, and any number of channels."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import exif, pixels
from pconv_jax.imaging.coding import is_lossless_tiff
from pconv_jax.imaging.credentials import NOT_KEPT, TIFF_CREDENTIALS
from pconv_jax.imaging.limits import PEAK_BYTES_A_BYTE, check_memory, check_size
from pconv_jax.imaging.opening import TIFF_HEADS, UnknownFormat, head, without_white
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.texts import texts_of_tiff
from pconv_jax.imaging.tiff_channels import further_channels, stored_channels
from pconv_jax.imaging.tiff_segments import COMPRESSION, check_segments
from pconv_jax.imaging.tiff_tags import Directory, exif_block, first_directory, header, numbers

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Exif

_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 339
_READABLE_BITS = {1, 2, 4, 8, 16}
_COLOURS = {5: "CMYK", 6: "YCbCr", 8: "LAB", 9: "LAB", 10: "LAB"}  # by the number of the tag
_KINDS: Mapping[int, str] = {2: "signed", 3: "float", 5: "complex", 6: "complex"}
_WIDTH, _HEIGHT = 256, 257
_OF_MANY_CHANNELS = {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, exif.ORIENTATION, *exif.RESOLUTION, exif.PROFILE}
DAMAGED_EXIF = "its EXIF data is damaged and not kept"
NOT_EXIF = exif.LAYOUT | {700, 33723, 34377, 37724, TIFF_CREDENTIALS}  # XMP, IPTC and Photoshop's own


def check_tiff(name: str, stream: IO[bytes]) -> None:
    """Refuses a TIFF file that lost its directory, or whose numbers do not say which value is white.

    Any other file is left to its reader.

    Args:
        name: what to call the file in an error.
        stream: its content; it stays where it is.

    Raises:
        InputError: it is cut off; it is a BigTIFF file in an order of bytes that no library here reads; or its pixels
            are signed, complex or floating point, or of another depth than up to 4, 8 or 16 bits.
    """
    if head(stream, 4) not in TIFF_HEADS:
        return
    place = stream.tell()
    directory = directory_of(stream)
    if directory is None:
        raise InputError(f"{name} is damaged or cut off (its directory is missing): copy it again from its source")
    start = header(stream)
    if start.big and start.order == ">":
        raise InputError(f"{name} is a big-endian BigTIFF file, which cannot be read: save it as an ordinary TIFF")
    stream.seek(place)
    kinds = set(numbers(directory, _SAMPLE_FORMAT, default=1)) & _KINDS.keys()
    bits = max(numbers(directory, _BITS, default=1))
    if kinds or bits in (32, 64):
        raise without_white(name, bits, _KINDS[max(kinds)] if kinds else "integer")
    if odd := set(numbers(directory, _BITS, default=1)) - _READABLE_BITS:
        raise InputError(f"{name} has {max(odd)}-bit pixels: save 8 or 16 bits")


@contextlib.contextmanager
def naming_layout(name: str, stream: IO[bytes]) -> Iterator[None]:
    """If a TIFF file is of a kind that cannot be read, says which; the stream stays where it is."""
    try:
        yield
    except UnknownFormat:
        place = stream.tell()
        directory = directory_of(stream) if head(stream, 4) in TIFF_HEADS else None
        stream.seek(place)
        if directory is None or not {_WIDTH, _HEIGHT} <= directory.entries.keys():
            raise
        samples, bits = numbers(directory, _SAMPLES, default=1)[0], max(numbers(directory, _BITS, default=1))
        kind = _COLOURS.get(numbers(directory, _PHOTOMETRIC)[0], "")
        channels = " ".join(filter(None, [str(samples), kind, "channel" if samples == 1 else "channels"]))
        raise InputError(
            f"{name} has {channels} of {bits} bits, a kind of TIFF that cannot be read: save it as RGB with 8 or 16 "
            "bits"
        ) from None


def many_channels(
    name: str, stream: IO[bytes], notes: list[str], *, max_pixels: int | None, first_frame: bool
) -> Photograph | None:
    """A TIFF file of 8 or 16 bits whose number of channels Pillow does not know; None for any other file."""
    tags = many_channels_tags(stream)
    if tags is None:
        return None
    check_size(name, (tags[256], tags[257]), max_pixels)
    if max_pixels is None:
        check_memory(name, (tags[256], tags[257]), bytes_a_pixel=PEAK_BYTES_A_BYTE * 2 * len(tags[258]))
    directory = first_directory(stream)
    check_segments(directory, stream.seek(0, 2))
    layers = pixels.by_tifffile(name, stream, first_frame=first_frame)
    orientation, icc, dpi = tags.get(exif.ORIENTATION, 1), tags.get(exif.PROFILE), exif.dpi_of(tags)
    found = upright(layers, orientation, "TIFF")
    compression = numbers(directory, COMPRESSION, default=1)[0]
    block = tiff_block(stream, directory, notes)
    texts = texts_of_tiff(directory.entries, notes, orientation=orientation)
    infrared = further_channel(stream, directory, orientation, notes)
    return dataclasses.replace(
        found,
        exif=block,
        icc=icc,
        dpi=exif.upright_dpi(dpi, orientation),
        compression=compression,
        lossless=is_lossless_tiff(compression),
        texts=texts,
        infrared=infrared,
    )


def many_channels_tags(stream: IO[bytes]) -> "Exif | None":
    """The tags of such a file; None for any other."""
    from PIL import Image

    tags, directory = Image.Exif(), directory_of(stream)
    if directory is None:
        return None
    try:  # not from the file: Pillow reads no 64-bit offsets there
        tags.load(exif_block(stream, directory._replace(damaged=False), keep=_OF_MANY_CHANNELS.__contains__) or b"")
    except exif.DAMAGED:
        return None
    bits = tags.get(258, ())
    many = isinstance(bits, tuple) and len(bits) > 1 and set(bits) in ({8}, {16})
    many = many and all(isinstance(tags.get(side), int) for side in (256, 257))
    return tags if many and tags.get(_PHOTOMETRIC) in (0, 1, 2) else None


def further_channel(stream: IO[bytes], first: Directory, orientation: int, notes: list[str]) -> "np.ndarray | None":
    """The first channel of a TIFF file that is neither colour nor alpha, upright."""
    places = further_channels(first)
    if len(places) > 1:
        notes.append(f"{len(places) - 1} of its further channels are not kept")
    if not places:
        return None
    try:
        return pixels.turned(stored_channels(stream)[..., places[0]], orientation)
    except (ValueError, OSError):
        notes.append("its infrared or further channel cannot be read and is not kept")
        return None


def directory_of(stream: IO[bytes]) -> Directory | None:
    """The first directory of tags; None if it is damaged."""
    try:
        return first_directory(stream)
    except ValueError:  # although the pixels can be read
        return None


def said_orientation(directory: Directory) -> int | None:
    """The orientation that a directory of a TIFF file says; None if it says nothing."""
    return numbers(directory, exif.ORIENTATION, default=0)[0] or None


def tiff_block(stream: IO[bytes], directory: Directory, notes: list[str]) -> bytes | None:
    """The EXIF block of a TIFF file, where its tags are scattered over the file."""
    if TIFF_CREDENTIALS in directory.entries:
        notes.append(NOT_KEPT)
    try:
        return exif_block(stream, directory, keep=lambda tag: tag not in NOT_EXIF)
    except ValueError:
        notes.append(DAMAGED_EXIF)
        return None


def upright(layers: pixels.Layers, orientation: int, kind: str) -> Photograph:
    """What was decoded, turned as the orientation in the file says; without metadata."""
    turn = orientation if layers.stored else 1
    alpha = None if layers.alpha is None else pixels.turned(layers.alpha, turn)
    upright = pixels.turned(layers.pixels, turn)
    return Photograph(upright, alpha, exif=None, icc=None, dpi=None, format=kind, orientation=orientation)
