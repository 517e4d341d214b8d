"""An image as the detector's network sees it, part by part: colours in [0, 1], and where there is something to see."""

from typing import Protocol

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.arrays import out_of_range, to_float
from pconv_jax.imaging.linear import GAMMA, white_level
from pconv_jax.imaging.strips import strips

_WHITE = 99.9  # percentile of values that is seen as white: damage is brighter than the photograph
# White up to which a photograph is dark, and seen brighter: the network was trained on bright ones; and the one from
# which on it is seen as it is. There is a slope between them, as exposure differs from frame to frame of a film.
_DARK, _BRIGHT = 0.55, 0.65
_LEAST = 0.05  # white of what is nearly black


class Seen(Protocol):
    """An image, of which the network is shown one part after the other.

    Attributes:
        shape: its height and width, px.
    """

    shape: tuple[int, int]

    def part(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """A part of it: colours, float32 `[h, w, 3]` in [0, 1], and whether they show, bool `[h, w]`.

        Raises:
            InputError: colours that do not lie in [0, 1].
        """


class Whole:
    """An image at its own size; see `Seen`."""

    def __init__(self, pixels: np.ndarray, *, linear: bool):
        """Takes pixels `[H, W, C]` as of `imaging.arrays.pixels_of`; `linear` as for `Detector`."""
        self.shape = (pixels.shape[0], pixels.shape[1])
        self._pixels, self._linear = pixels, linear
        top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
        white = white_level(pixels, _WHITE) / top or 1.0
        if not linear:
            bright = min(max((white - _DARK) / (_BRIGHT - _DARK), 0), 1)
            white = max(white, _LEAST) * (1 - bright) + bright
        self._white = np.float32(white)

    def part(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """As `Seen.part`; what transparency hides is black."""
        part = self._pixels[rows, columns]
        shows = part[..., -1] != 0 if part.shape[2] in (2, 4) else np.ones(part.shape[:2], bool)
        values = to_float(part, ~shows)[..., :3]
        if not (values.min() >= 0 and values.max() <= 1):  # NaN too
            raise InputError(f"pixels of a floating-point image {out_of_range(values, as_bytes=True)}")
        if self._white != 1:
            values = np.clip(values / self._white, 0, 1)
        return values ** np.float32(1 / GAMMA) if self._linear else values, shows


class Halved:
    """An image at half its size; see `Seen`."""

    def __init__(self, seen: Seen):
        """Takes an image; every pixel is the mean of those of four that show."""
        height, width = seen.shape
        self.shape = (-(-height // 2), -(-width // 2))
        self._values = np.zeros((*self.shape, 3), np.float16)
        self._shows = np.zeros(self.shape, bool)
        for strip in strips(height, width, multiple=2):
            values, shows = seen.part(strip, np.s_[:])
            seen_four = np.dstack([values * shows[..., None], shows])
            padded = np.pad(seen_four, ((0, seen_four.shape[0] % 2), (0, width % 2), (0, 0)))
            sums = padded.reshape(padded.shape[0] // 2, 2, self.shape[1], 2, 4).sum(axis=(1, 3))
            place = slice(strip.start // 2, strip.start // 2 + sums.shape[0])
            self._values[place] = sums[..., :3] / np.maximum(sums[..., 3:], 1)
            self._shows[place] = sums[..., 3] > 0

    def part(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """As `Seen.part`."""
        return self._values[rows, columns].astype(np.float32), self._shows[rows, columns]
