"""Before/after images."""

from pathlib import Path

import numpy as np

from pconv_jax.cli.holes import opaque
from pconv_jax.imaging import Photograph, write_photograph

_MAX_SIDE = 1600  # of either half of a comparison, px


def write_comparison(path: Path, before: Photograph, after: Photograph) -> None:
    """Writes both photographs side by side, each at most 1600 px long.

    Their colours look as in the photographs.

    Args:
        path: the file, `.jpg`.
        before: the damaged photograph.
        after: the restored one, of the same size.

    Raises:
        InputError: the file cannot be written.
    """
    import cv2

    def shown(photograph: Photograph) -> np.ndarray:
        pixels = photograph.pixels
        if pixels.dtype == np.uint16:
            pixels = (pixels // 257).astype(np.uint8)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if photograph.alpha is not None:
            pixels = np.where(opaque(photograph.alpha)[..., None], pixels, np.uint8(255))
        scale = _MAX_SIDE / max(pixels.shape[:2])
        if scale >= 1:
            return pixels
        height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)

    left, right = shown(before), shown(after)
    line = np.full((len(left), 8, 3), 255, np.uint8)
    both = Photograph(np.hstack([left, line, right]), None, None, before.icc, None, "JPEG", colour=before.colour)
    write_photograph(path, both)
