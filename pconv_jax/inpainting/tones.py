"""The range of tones around holes, which a network sees stretched to nearly all of [0, 1].

Networks are trained on photographs that use most of their range, and inpaint faded or dark ones worse than the same
ones stretched. The range is that of all valid pixels some 100 to 250 px around, and changes slowly from place to place:
a white border far away does not count, and windows that meet see the same.
"""

import functools
from typing import NamedTuple

import numpy as np

_BLOCK = 32  # px of the grid on which ranges are known
_FEW = 4  # px: one of so many rows and columns is enough to see that ranges are wide
_REACH = 4  # blocks around one that count for it
_WIDE, _NARROW = 0.6, 0.4  # ranges from which on nothing is stretched, and up to which they are stretched to all
_LEAST = 0.05  # range of what is nearly flat


class Stretch(NamedTuple):
    """For each pixel of a part of an image the value that becomes 0, and how far it is to the one that becomes 1.

    Float32 `[h, w, 1]`; both values lie in [0, 1].
    """

    black: np.ndarray
    span: np.ndarray

    def do(self, values: np.ndarray, *, unseen: np.ndarray | None = None) -> np.ndarray:
        """Stretches the first three channels of `[h, w, C]`; they are 0 where they are unseen, bool `[h, w]`."""
        stretched = values.copy()
        stretched[..., :3] = (values[..., :3] - self.black) / self.span
        if unseen is not None:
            stretched[unseen, :3] = 0
        return stretched

    def undo(self, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The inverse, for some pixels of the part: `[P, C]`."""
        result = values.copy()
        result[:, :3] = values[:, :3] * self.span[rows, columns] + self.black[rows, columns]
        return result


class Tones:
    """The ranges of tones of an image."""

    def __init__(self, black: np.ndarray, white: np.ndarray):
        """Takes what is black and what is white in the middle of each block, float32 `[rows, columns]`."""
        self._black, self._span = black, white - black

    def stretch(self, rows: slice, columns: slice, *, unit: int = 1) -> Stretch:
        """The stretch of a part of the image.

        Args:
            rows: of the part, each `unit` px high.
            columns: of the part, each `unit` px wide.
            unit: px.
        """
        black, span = (
            _interpolated(_interpolated(grid, rows, unit).T, columns, unit).T[..., None]
            for grid in (self._black, self._span)
        )
        return Stretch(black, span)


def tones_around(pixels: np.ndarray, unseen: np.ndarray) -> Tones | None:
    """The ranges of tones around what is not seen.

    Args:
        pixels: `[H, W, C]`, uint8 or uint16; the last of two or four channels is alpha.
        unseen: bool `[H, W]`, where no colour is known.

    Returns:
        The ranges; None if they are wide everywhere, so that nothing is to be stretched.
    """
    few = _ranges(pixels, unseen, every=_FEW)  # which are no wider than those of all pixels
    if few is not None and not _share(*few).any():
        return None
    if (ranges := _ranges(pixels, unseen, every=1)) is None:
        return None
    black, white = ranges
    share = _share(black, white)
    if not share.any():
        return None
    more = np.maximum(0, _LEAST - (white - black)) / 2
    return Tones(share * np.maximum(black - more, 0), 1 - share * (1 - np.minimum(white + more, 1)))


def _share(black: np.ndarray, white: np.ndarray) -> np.ndarray:
    """How much of a range is stretched, from 0 to 1."""
    return np.clip((_WIDE - (white - black)) / (_WIDE - _NARROW), 0, 1)


def _ranges(pixels: np.ndarray, unseen: np.ndarray, *, every: int) -> tuple[np.ndarray, np.ndarray] | None:
    """What is black and white around each block, by one of so many rows and columns; None if nothing is seen."""
    darkest, brightest = _of_blocks(pixels[::every, ::every], unseen[::every, ::every], _BLOCK // every)
    seen = darkest <= brightest
    if not seen.any():
        return None
    overall = darkest[seen].min(), brightest[seen].max()
    near = _extreme(darkest, np.minimum), _extreme(brightest, np.maximum)
    found = near[0] <= near[1]
    black, white = (_smooth(np.where(found, grid, whole)) for grid, whole in zip(near, overall, strict=True))
    return black, white


def _of_blocks(pixels: np.ndarray, unseen: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value that is seen in each block, float32 of [0, 1]; 1 and 0 where none is."""
    top = np.iinfo(pixels.dtype).max
    colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    height, width = unseen.shape
    starts = np.arange(0, width, block)
    rows = []
    copied = np.empty((block * width, colours), pixels.dtype)  # once: making arrays takes longer than filling them
    for first in range(0, height, block):
        part = pixels[first : first + block, :, :colours]
        hidden = np.flatnonzero(unseen[first : first + block])
        values = copied[: part.shape[0] * width]
        values.reshape(part.shape)[...] = part
        extremes = []
        for ufunc, neutral in ((np.minimum, top), (np.maximum, 0)):
            values[hidden] = neutral
            columns = ufunc.reduce(values.reshape(part.shape), axis=0)
            extremes.append(ufunc.reduceat(functools.reduce(ufunc, columns.T), starts))
        rows.append(extremes)
    darkest, brightest = (np.array(each, np.float32) / np.float32(top) for each in zip(*rows, strict=True))
    return darkest, brightest


def _extreme(grid: np.ndarray, ufunc: np.ufunc) -> np.ndarray:
    """Of each block, the least or greatest of those up to `_REACH` blocks away."""
    for axis in (0, 1):
        pad = [(_REACH, _REACH) if each == axis else (0, 0) for each in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(grid, pad, mode="edge"), 2 * _REACH + 1, axis=axis)
        grid = ufunc.reduce(windows, axis=-1)
    return grid


def _smooth(grid: np.ndarray) -> np.ndarray:
    """The mean over the blocks around, one less each way than `_extreme` takes.

    Each of these has seen this block and its neighbours, so none of their values lies beyond the mean.
    """
    reach = _REACH - 1
    for axis in (0, 1):
        pad = [(reach, reach) if each == axis else (0, 0) for each in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(grid, pad, mode="edge"), 2 * reach + 1, axis=axis)
        grid = windows.mean(axis=-1, dtype=np.float32)
    return grid


def _interpolated(grid: np.ndarray, side: slice, unit: int) -> np.ndarray:
    """A grid of blocks `[n, m]` at the middles of pixels of `unit` px along its first axis: float32 `[l, m]`."""
    places = (np.arange(side.start, side.stop, dtype=np.float32) + 0.5) * np.float32(unit / _BLOCK) - np.float32(0.5)
    places = places.clip(0, len(grid) - 1)
    before = places.astype(int)
    after = np.minimum(before + 1, len(grid) - 1)
    share = (places - before)[:, None]
    interpolated: np.ndarray = grid[before] * (1 - share) + grid[after] * share
    return interpolated.astype(np.float32)
