"""Mask files, white = hole, turned into masks at the boundary: float32 [H, W, 1], 1 = valid, 0 = hole."""

import os
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.files import luma, open_upright, walk

SUFFIXES = frozenset((".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm", ".jpg", ".jpeg"))


def mask_files(root: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Finds the mask files in a folder and in folders below, by their suffix.

    Other files (notes, licences) and hidden ones are passed over; links to folders are followed.

    Args:
        root: the folder.

    Returns:
        Their paths below `root`, sorted; at least one.

    Raises:
        InputError: `root` is no folder, holds no mask files, or cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"There is no folder {root} of masks; give a folder of mask files, lines or ratios.")
    found = sorted(path.relative_to(root).as_posix() for path in walk(root, SUFFIXES))
    if not found:
        raise InputError(f"{root} holds no mask files ({', '.join(sorted(SUFFIXES))}); give another folder.")
    return tuple(map(Path, found))  # sorted as text: the same on every system


def read_mask(path: str | os.PathLike[str], *, threshold: int = 128, invert: bool = False) -> np.ndarray:
    """Reads one mask file at its own size.

    Colours become their luma, transparency is ignored, 16 bits are scaled to 8; then every pixel from the threshold on
    is a hole.

    Args:
        path: the file, white = hole.
        threshold: the pixel value, 1..255, from which on a pixel is a hole.
        invert: the pixels below the threshold are the holes instead.

    Returns:
        [H, W, 1], float32, 1 = valid, 0 = hole.

    Raises:
        InputError: the file cannot be read, or the threshold is out of its range.
    """
    check_threshold(threshold)
    return decode_mask(read_content(Path(path)), name=str(path), threshold=threshold, invert=invert)


def check_threshold(threshold: int) -> None:
    """Checks the threshold of mask files.

    Args:
        threshold: should be 1..255; with 0 everything would be a hole.

    Raises:
        InputError: it is out of that range.
    """
    if not 1 <= threshold <= 255:
        raise InputError(f"The threshold {threshold} of the mask files must be in 1..255, e.g. 128.")


def read_content(path: Path) -> bytes:
    """Reads a file as it is.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The mask {path} cannot be read ({error.strerror}); make it readable or remove it."
        ) from error


def decode_mask(content: bytes, *, name: str, threshold: int, invert: bool) -> np.ndarray:
    """Decodes the content of a mask file; the rules are those of `read_mask`.

    Args:
        content: of the file.
        name: what to call the file in an error.
        threshold: the pixel value, 1..255, from which on a pixel is a hole.
        invert: the pixels below the threshold are the holes instead.

    Returns:
        [H, W, 1], float32, 1 = valid, 0 = hole.

    Raises:
        InputError: the content is no image, or one that does not say what is white.
    """
    try:
        image = open_upright(content, name)
    except InputError as error:
        raise InputError(f"The mask {error}; replace or remove it.") from error
    hole = (luma(image) >= threshold) != invert
    return (~hole[..., None]).astype(np.float32)
