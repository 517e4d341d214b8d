"""How soft an image is: without detail as fine as its pixels, as scans of prints at a high resolution are."""

from collections.abc import Iterator

import numpy as np

from pconv_jax.detection.seen import Seen
from pconv_jax.imaging.masks import LUMA

_PART, _PARTS = 256, 3  # px of the squares that are measured, and how many there are each way in large images
_SMALLEST = 64  # px, of a side that is measured
# Detail of a size over that of twice the size: 0.5 to 1.7 in photographs, 0.4 at the least; in enlarged ones 0.2 at the
# size where it begins.
_NO_DETAIL, _LITTLE_DETAIL, _NONE_AT_FOUR = 0.45, 0.6, 0.35  # ratios
_NEAR = 0.08  # half the width of the slope at such a limit, as a share of it: frames of a film lie on both sides


def softness(seen: Seen) -> float:
    """How surely an image looks as if it had been enlarged three times or more.

    Grain and the traces of JPEG hide that between neighbouring pixels, but not at twice their distance. Sharp damage on
    a soft photograph hides it only where there is much of it.

    Args:
        seen: the image.

    Returns:
        From 0, it does not, to 1; 0 for small images.
    """
    if min(seen.shape) < _SMALLEST:
        return 0.0
    finest, finer, fine, coarse = np.sum([_detail(seen, *place) for place in _places(*seen.shape)], axis=0)
    three_times = min(_less(finest, _NO_DETAIL * finer), _less(finer, _LITTLE_DETAIL * fine))
    return max(three_times, _less(finer, _NO_DETAIL * fine), _less(fine, _NONE_AT_FOUR * coarse))


def _less(value: float, limit: float) -> float:
    """How surely a value is less than a limit: 0 from a little above it on, 1 from a little below."""
    return float(np.clip(0.5 + (limit - value) / (2 * _NEAR * limit), 0, 1)) if limit else 0.0


def _places(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns that are measured: squares in large images, and all of small ones."""
    rows, columns = (
        [slice(0, side)] if side <= _PART * _PARTS else [slice(start, start + _PART) for start in _starts(side)]
        for side in (height, width)
    )
    return ((down, across) for down in rows for across in columns)


def _starts(side: int) -> list[int]:
    return [int(start) for start in np.linspace(0, side - _PART, _PARTS)]


def _detail(seen: Seen, rows: slice, columns: slice) -> list[float]:
    """Mean of what is lost where a part is halved once, and then again, four times in all."""
    import cv2

    values, _ = seen.part(rows, columns)
    grey: np.ndarray = values @ LUMA
    grey = grey[: grey.shape[0] // 16 * 16, : grey.shape[1] // 16 * 16]
    found = []
    for _ in range(4):
        half = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
        found.append(float(np.abs(grey - cv2.resize(half, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)).mean()))
        grey = half
    return found
