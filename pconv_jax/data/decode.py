"""Image files to pixels: uint8 [H, W, 3], RGB, 0..255, upright.

Rules, for all datasets alike:
    - a damaged or truncated file is refused, never filled up with grey;
    - 16-bit channels are scaled to 8 bits, never clipped: a grey value v becomes round(v / 257); of colours
      Pillow keeps the high byte, which is at most 1 level off;
    - grey becomes three equal channels; palettes are looked up; CMYK is converted, Adobe's inverted inks too;
    - transparency is laid over white;
    - the EXIF orientation is applied; embedded colour profiles are not;
    - 12-bit pixels, 32-bit integers and floats are refused, since such files do not say which value is white;
    - of several pages or frames the first counts.
"""

import os
from pathlib import Path

import numpy as np

from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.pixels import eight_bits


def decode_image(
    file: bytes | str | os.PathLike[str], *, name: str | None = None, short_side: int | None = None
) -> np.ndarray:
    """Decodes one image file.

    Args:
        file: the path, or the content.
        name: what to call the file in an error; its path by default.
        short_side: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times faster, if both
            sides keep at least this many pixels; None for its full size.

    Returns:
        [H, W, 3], uint8, RGB.

    Raises:
        InputError: the file cannot be used; the message starts with its name and gives the reason.
    """
    name = name or ("image" if isinstance(file, bytes) else str(file))
    with opened_file(file if isinstance(file, bytes) else Path(file), name) as stream:
        decoded = decode(name, stream, notes=[], exact=False, first_frame=True, short_side=short_side)
    pixels = eight_bits(decoded.pixels)
    return _over_white(pixels, None if decoded.alpha is None else eight_bits(decoded.alpha))


def _over_white(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Grey or RGB pixels as [H, W, 3], laid over white where they are transparent."""
    from PIL import Image

    if alpha is None and pixels.ndim == 3:
        return pixels
    image = Image.fromarray(pixels)
    if alpha is not None:
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray(alpha))
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))
