"""Image files to photographs, with their metadata."""

import os
import warnings
from pathlib import Path

from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import MAX_PIXELS, opened_file
from pconv_jax.imaging.photograph import Photograph


def read_photograph(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Reads a photograph with its depth, transparency, EXIF data, colour profile and resolution.

    The pixels are those of the file, turned upright. PNG and TIFF keep 16 bits; palettes and two levels become 8 bits.
    CMYK and LAB become sRGB, through the file's profile if it has one, and so lose it. JPEG 2000 and AVIF are read with
    8 bits.

    Args:
        path: an image file of one frame, of a kind in `formats.FORMATS`.
        max_pixels: a file that claims more is refused before it is decoded.

    Returns:
        The photograph.

    Raises:
        InputError: the file cannot be read, is damaged or cut off, is no image, has several frames, more pixels than
            allowed, or pixels that do not say which value is white.
    """
    path = Path(path)
    notes: list[str] = []
    with opened_file(path, str(path)) as stream:
        photograph = decode(str(path), stream, notes=notes, exact=True, max_pixels=max_pixels)
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return photograph
