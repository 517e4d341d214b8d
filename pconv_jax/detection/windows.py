"""The square windows in which an image is looked at: which, and what each of them shows."""

import itertools
from typing import NamedTuple

import numpy as np

from pconv_jax.detection.seen import Seen

MARGIN = 64
"""Least context around the core of a window, px. With the bundled detector, which has 96 px, windows of 512 px and one
that holds all of the picture differ in 50 of 100,000 pixels of the mask, up to 286 in one of them (twelve photographs
of 0.3 megapixels with drawn damage)."""
WINDOWS = (256, 512, 768, 1280)
"""Sides of the square windows, px. An image is looked at in windows of one side, that with which least is computed."""
LARGEST = WINDOWS[-1]
"""Largest side of a window, also of an enlarged one, px: it bounds the memory."""


class Window(NamedTuple):
    """Where a window begins, px, which may lie beyond the image, and its side."""

    top: int
    left: int
    side: int


class Shown(NamedTuple):
    """What the network is shown of a window.

    Attributes:
        image: float32 `[side, side, 3]` in [0, 1]; 0 beyond the image.
        inside: where the image is, float32 `[side, side, 1]` of 0 and 1.
    """

    image: np.ndarray
    inside: np.ndarray

    def without(self, rim: int) -> "Shown":
        """The same without so many px on all four sides."""
        inner = slice(rim, len(self.image) - rim)
        return Shown(self.image[inner, inner], self.inside[inner, inner])


class Cut(NamedTuple):
    """A window that was cut out.

    Attributes:
        shown: all of it.
        place: of the core in the image: the window without its margin, as far as it lies there.
        values: what the core shows, `[h, w, 3]`.
        shows: whether it does, bool `[h, w]`.
    """

    shown: Shown
    place: tuple[slice, slice]
    values: np.ndarray
    shows: np.ndarray


def cut_out(seen: Seen, window: Window, margin: int) -> Cut:
    """Cuts a window out of an image; `margin` is what is only seen as context on all four sides, px."""
    image = np.zeros((window.side, window.side, 3), np.float32)
    inside = np.zeros((window.side, window.side, 1), np.float32)
    rows, columns = (slice(max(0, first), first + window.side) for first in (window.top, window.left))
    values, shows = seen.part(rows, columns)
    top, left = (max(0, -first) for first in (window.top, window.left))
    image[top:, left:][: values.shape[0], : values.shape[1]] = values
    inside[top:, left:][: values.shape[0], : values.shape[1]] = shows[..., None]  # its edge is not damage
    (first_row, first_column), (height, width) = (window.top + margin, window.left + margin), seen.shape
    core = window.side - 2 * margin
    place = (
        slice(first_row, min(first_row + core, height)),
        slice(first_column, min(first_column + core, width)),
    )
    own = tuple(
        slice(each.start - first.start, each.stop - first.start)
        for each, first in zip(place, (rows, columns), strict=True)
    )
    return Cut(Shown(image, inside), place, values[own], shows[own])


def choose_windows(height: int, width: int, margin: int, *, scale: float = 1) -> list[Window]:
    """Windows whose cores cover an image, side by side; those with which least is computed, rather few than many.

    Args:
        height: of the image, px.
        width: of the image, px.
        margin: as for `cut_out`.
        scale: by which windows are enlarged later.

    Returns:
        The windows, all of one side.
    """
    choices = [_of_side(side, height, width, margin) for side in sides(margin, scale)]
    return min(choices, key=lambda windows: (len(windows) * windows[0].side ** 2, len(windows)))


def sides(margin: int, scale: float) -> list[int]:
    """The sides that windows with this margin can have; see `choose_windows`."""
    return [side for side in WINDOWS if 2 * margin < side and scale * side <= LARGEST]


def _of_side(side: int, height: int, width: int, margin: int) -> list[Window]:
    core = side - 2 * margin
    places = itertools.product(range(0, height, core), range(0, width, core))
    return [Window(top - margin, left - margin, side) for top, left in places]
