"""Image files to photographs, with their metadata."""

import dataclasses
import os
import warnings

from pconv_jax.common.paths import given_path
from pconv_jax.imaging.decoding import decode, upright_size
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.photograph import Photograph


def read_photograph(path: str | os.PathLike[str], *, max_pixels: int | None = None, quiet: bool = False) -> Photograph:
    """Reads a photograph with its depth, transparency, resolution, metadata and what it says of its colours.

    The metadata is the EXIF data, XMP, IPTC, comments and PNG texts, byte for byte.

    The pixels are those of the file, turned upright. PNG, TIFF, and grey PPM and JPEG 2000 keep 16 bits; other colours
    are read with 8, and a warning says so if they had more. Palettes and two levels become 8 bits. CMYK and LAB become
    sRGB, through the file's profile if it has one, and so lose it.

    Args:
        path: an image file of one frame, of a kind in `formats.FORMATS`.
        max_pixels: a file that claims more is refused before it is decoded; None for 500 million, as far as the
            available memory is enough for them.
        quiet: give no warnings; `Photograph.notes` says what they would.

    Returns:
        The photograph.

    Raises:
        InputError: the file cannot be read, is damaged or cut off, is not an image, has several frames, more pixels
            than allowed, or pixels that do not say which value is white.
    """
    path = given_path(path)
    notes: list[str] = []
    with opened_file(path, str(path)) as stream:
        photograph = decode(str(path), stream, notes=notes, exact=True, max_pixels=max_pixels)
    for note in () if quiet else notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return dataclasses.replace(photograph, notes=tuple(notes))


def read_size(path: str | os.PathLike[str], *, max_pixels: int | None = None) -> tuple[int, int]:
    """The size of an image file by its header, without decoding it.

    Args:
        path: as for `read_photograph`.
        max_pixels: as for `read_photograph`.

    Returns:
        Width and height, px; the other way round for a PNG file that says only after its pixels that it lies on a side.

    Raises:
        InputError: as `read_photograph` does for what the header tells.
    """
    path = given_path(path)
    with opened_file(path, str(path)) as stream:
        return upright_size(str(path), stream, max_pixels=max_pixels)
