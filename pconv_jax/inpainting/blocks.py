"""Square blocks of an image: the darkest and the brightest value of each, and whether all of it is hole.

Those of two by two pixels are put together from pixels, those of four by four from these, and so on. Each is computed
once, and only near what is asked for: holes are small beside their photographs.
"""

from typing import NamedTuple, Protocol

import numpy as np

_TILE = 64  # blocks; so many by so many are computed together

Area = tuple[slice, slice]


class Extremes(NamedTuple):
    """Of some blocks: the darkest and the brightest value, `[h, w, C]`, and whether all is hole, bool `[h, w]`.

    Where no value is known, the darkest is the greatest that there may be, and the brightest 0.
    """

    darkest: np.ndarray
    brightest: np.ndarray
    hole: np.ndarray


class Level(Protocol):
    """Blocks of one size.

    Attributes:
        shape: how many of them there are, `[h, w, C]` with the channels.
        dtype: of the values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.uint8] | np.dtype[np.uint16]

    def __call__(self, area: Area, /) -> Extremes:
        """Those in an area."""
        ...


class Pixels:
    """Blocks of one pixel, which are the image."""

    def __init__(self, pixels: np.ndarray, hole: np.ndarray):
        """Takes an image.

        Args:
            pixels: `[H, W, C]`, uint8 or uint16; colours count where a last channel, alpha, is not 0.
            hole: bool `[H, W]`.
        """
        self.shape: tuple[int, ...] = pixels.shape
        self.dtype = pixels.dtype
        self._pixels, self._hole = pixels, hole

    def __call__(self, area: Area) -> Extremes:
        """As of `Level`; slices may have steps."""
        seen, hole = self._pixels[area], self._hole[area]
        gap = np.repeat(hole[..., None], self.shape[2], axis=2)
        if self.shape[2] in (2, 4):
            gap[..., :-1] |= seen[..., -1:] == 0
        most = self.dtype.type(np.iinfo(self.dtype).max)
        return Extremes(np.where(gap, most, seen), np.where(gap, self.dtype.type(0), seen), hole)


class Halved:
    """Blocks of two by two of another level."""

    def __init__(self, finer: Level):
        """Takes the other level; computes nothing yet."""
        height, width, channels = finer.shape
        self.shape: tuple[int, ...] = (-(-height // 2), -(-width // 2), channels)
        self.dtype = finer.dtype
        self._finer = finer
        self._tiles: dict[tuple[int, int], Extremes] = {}

    def __call__(self, area: Area) -> Extremes:
        """As of `Level`."""
        rows, columns = (range(side)[part] for part, side in zip(area, self.shape, strict=False))
        tiles = [
            [self._tile(row, column) for column in range(columns[0] // _TILE, columns[-1] // _TILE + 1)]
            for row in range(rows[0] // _TILE, rows[-1] // _TILE + 1)
        ]
        top, left = (places[0] // _TILE * _TILE for places in (rows, columns))
        inner = np.s_[rows[0] - top : rows[-1] - top + 1, columns[0] - left : columns[-1] - left + 1]
        strips = [map(np.hstack, zip(*strip, strict=True)) for strip in tiles]
        return Extremes(*(np.vstack(parts)[inner] for parts in zip(*strips, strict=True)))

    def _tile(self, row: int, column: int) -> Extremes:
        if (row, column) not in self._tiles:
            side = 2 * _TILE
            parts = self._finer(np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side])
            joins = (np.minimum, np.maximum, np.logical_and)
            self._tiles[row, column] = Extremes(*map(_halved, parts, joins))
        return self._tiles[row, column]


def _halved(values: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Two by two joined; of an odd side the last ones stay by themselves."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        joined = values[::2].copy()
        join(joined[: len(values) // 2], values[1::2], out=joined[: len(values) // 2])
        values = np.moveaxis(joined, 0, axis)
    return values
