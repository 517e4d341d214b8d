"""Image files to pixels: uint8 [H, W, 3], RGB, 0..255, upright.

Rules, for all data sets alike:
    - a damaged or truncated file is refused, never filled up with grey;
    - 16-bit channels are scaled to 8 bits, never clipped: a grey value v becomes round(v / 257); of colours
      Pillow keeps the high byte, which is at most 1 level off;
    - grey becomes three equal channels; palettes are looked up; CMYK is converted, Adobe's inverted inks too;
    - transparency is laid over white;
    - the EXIF orientation is applied; embedded colour profiles are not;
    - 32-bit integers and floats are refused, since such files do not say which value is white;
    - of several pages or frames the first counts.
"""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image


def decode_image(
    file: bytes | str | os.PathLike[str], *, name: str | None = None, short_side: int | None = None
) -> np.ndarray:
    """Decodes one image file.

    Args:
        file: the path, or the content.
        name: what to call the file in an error; its path by default.
        short_side: a JPEG may come out at 1/2, 1/4 or 1/8 of its size, which is several times quicker, as
            long as both sides keep this many pixels; None for its full size.

    Returns:
        [H, W, 3], uint8, RGB.

    Raises:
        InputError: the file cannot be used; the message starts with its name and gives the reason.
    """
    from PIL import Image, ImageOps

    name = name or ("image" if isinstance(file, bytes) else str(file))
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else Path(file)) as opened:
            if short_side:
                sides = (side * short_side // min(opened.size) for side in opened.size)
                opened.draft(None, (next(sides), next(sides)))
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)  # without a copy of what is upright already
    except Exception as error:
        # Pillow raises a dozen types for damaged files. Whatever it was, the file is refused by name.
        raise InputError(f"{name}: {_reason(error)}") from error
    if opened.mode in ("I", "F") and opened.format != "PNG":
        kind = "integer" if opened.mode == "I" else "float"
        raise InputError(f"{name}: 32-bit {kind} pixels do not say which value is white; save 8 or 16 bits")
    return _to_rgb(opened)


def _to_rgb(image: "Image") -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would clip at 255
        grey = np.asarray(image).astype(np.uint32)
        grey[grey == image.info.get("transparency", -1)] = 65535
        return np.repeat(((grey + 128) // 257).astype(np.uint8)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert copies in any case


def _reason(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image, or not one that Pillow can read"
    if isinstance(error, Image.DecompressionBombError):
        return f"larger than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
