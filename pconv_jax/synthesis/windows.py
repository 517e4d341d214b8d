"""Which parts of an image are refined at once: windows around the holes, one after the other."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pconv_jax.synthesis.settings import SynthesisSettings


class Window(NamedTuple):
    """A part of an image that is refined at once.

    Attributes:
        rows: its rows.
        columns: its columns.
        core: bool of its size: the pixels of the hole that are refined in it.
    """

    rows: slice
    columns: slice
    core: np.ndarray


def choose_windows(hole: np.ndarray, settings: SynthesisSettings) -> Iterator[Window]:
    """Windows that cover a hole, from its upper left corner on.

    Args:
        hole: bool `[H, W]`.
        settings: largest side, and context.

    Yields:
        The windows, wholly in the image. Each pixel of the hole is in the core of one. They are square, but for images
        narrower than that, and have few sizes: programs are compiled for each.
    """
    most = settings.window - 2 * settings.context
    for top in _starts(hole, most):
        band = hole[top : top + most]
        for left in _starts(band.T, most):
            rows = np.flatnonzero(band[:, left : left + most].any(axis=1)) + top
            columns = np.flatnonzero(band[:, left : left + most].any(axis=0)) + left
            box = tuple(slice(int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
            yield _around(hole, box, settings)


def _starts(hole: np.ndarray, most: int) -> Iterator[int]:
    """First rows of bands of `most` rows that cover the rows with a hole."""
    rows = np.flatnonzero(hole.any(axis=1))
    while len(rows):
        yield int(rows[0])
        rows = rows[rows >= rows[0] + most]


def _around(hole: np.ndarray, box: tuple[slice, ...], settings: SynthesisSettings) -> Window:
    """The window with a box of the hole in its middle, or as near to it as the border of the image allows."""
    step = 2 * settings.grid
    wanted = max(axis.stop - axis.start for axis in box) + 2 * settings.context
    side = min(settings.window, -(-wanted // step) * step)
    places = []
    for axis, length in zip(box, hole.shape, strict=True):
        first = min((axis.start + axis.stop - side) // 2, length - side)
        places.append(slice(max(0, first), min(length, max(0, first) + side)))
    rows, columns = places
    core = np.zeros_like(hole[rows, columns])
    inner = tuple(
        slice(axis.start - place.start, axis.stop - place.start) for axis, place in zip(box, places, strict=True)
    )
    core[inner] = hole[box]
    return Window(rows, columns, core)
