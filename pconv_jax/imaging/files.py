"""Image files on disk: which there are below a folder, and how they are opened."""

import io
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image


def walk(root: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Every file below a folder that has one of some suffixes; links to folders are followed, each folder once.

    Hidden files and folders are passed over.

    Args:
        root: the folder.
        suffixes: in lower case, with their dot.

    Yields:
        The file's path, `root` included; in no order to rely on.

    Raises:
        InputError: a folder cannot be read.
    """

    def unreadable(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); make it readable or move it.")

    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above, or to one already walked
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            if Path(name).suffix.lower() in suffixes and not name.startswith("."):
                yield Path(folder, name)


def open_upright(file: bytes | Path, name: str, *, draft: int | None = None) -> "Image":
    """Opens an image file, decodes it whole and applies its EXIF orientation.

    Args:
        file: the path, or the content.
        name: what to call the file in an error.
        draft: a JPEG may come out at 1/2, 1/4 or 1/8 of its size, as long as both sides keep this many pixels.

    Returns:
        The first page or frame, in the mode of the file.

    Raises:
        InputError: the file is damaged, no image, or has 32-bit pixels, which do not say which value is white.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as opened:
            if draft:
                sides = (side * draft // min(opened.size) for side in opened.size)
                opened.draft(None, (next(sides), next(sides)))
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)  # without a copy of what is upright already
    except Exception as error:
        # Pillow raises a dozen types for damaged files. Whatever it was, the file is refused by name.
        raise InputError(f"{name}: {_reason(error)}") from error
    if opened.mode in ("I", "F") and opened.format != "PNG":
        kind = "integer" if opened.mode == "I" else "float"
        raise InputError(f"{name}: 32-bit {kind} pixels do not say which value is white; save 8 or 16 bits")
    return opened


def eight_bits(grey: np.ndarray) -> np.ndarray:
    """16-bit grey values as 8-bit ones: v becomes round(v / 257), where Pillow's own conversion would clip at 255."""
    return ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)


def luma(image: "Image") -> np.ndarray:
    """The grey values of an image, as those of a mask file count.

    Args:
        image: decoded, of any mode that `open_upright` returns; it may lose its note on a transparent colour.

    Returns:
        [H, W], uint8: colours become their luma, transparency is ignored, 16 bits are scaled to 8.
    """
    if image.mode.startswith("I"):  # 16 bits
        return eight_bits(np.asarray(image))
    image.info.pop("transparency", None)  # of a palette, where the conversion would warn
    return np.asarray(image.convert("L"))


def _reason(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image, or not one that Pillow can read"
    if isinstance(error, Image.DecompressionBombError):
        return f"larger than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
