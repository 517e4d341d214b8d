"""Image files to pixels: uint8 [H, W, 3], RGB, 0..255, upright.

Rules, for all datasets alike:
    - a damaged or truncated file is refused, never filled up with grey;
    - 16-bit channels are scaled to 8 bits, never clipped: a grey value v becomes round(v / 257); of colours
      Pillow keeps the high byte, which is at most 1 level off;
    - grey becomes three equal channels; palettes are looked up; CMYK is converted, Adobe's inverted inks too;
    - transparency is laid over white;
    - the EXIF orientation is applied; embedded colour profiles are not;
    - 32-bit integers and floats are refused, since such files do not say which value is white;
    - of several pages or frames the first counts.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.imaging.files import eight_bits, open_upright

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
    name = name or ("image" if isinstance(file, bytes) else str(file))
    return _to_rgb(open_upright(file if isinstance(file, bytes) else Path(file), name, draft=short_side))


def _to_rgb(image: "Image") -> np.ndarray:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would clip at 255
        grey = np.asarray(image).astype(np.uint32)
        grey[grey == image.info.get("transparency", -1)] = 65535
        return np.repeat(eight_bits(grey)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert copies in any case
