"""What of a picture shows in its infrared channel: dyes absorb a little infrared light, and silver much of it."""

import dataclasses
from typing import NamedTuple

import numpy as np

from pconv_jax.detection.alignment import Shift, squares
from pconv_jax.imaging.masks import LUMA

_SIDE, _SQUARES = 256, 5  # that the regression sees: px, and how many along each side
_STEP = 3  # of their rows and columns, every so many
_BLUR = 1.2  # px: infrared light is often less sharp, so the regression is offered blurred colours as well
_MARGIN = 6  # px that the blur reaches
_ROUNDS = 12
_TUKEY = 4.685  # standard deviations beyond which a pixel does not count
_MOST_CONTRAST = 1.0  # of the picture's: neither dyes nor silver give the channel more
_AS_WELL = 1.2  # times the noise, up to which even shading explains the channel as well as the picture does
_DARKEST = 0.002  # of the brightest: what is darker differs by noise only
_RIDGE = 1e-6


class Logarithms(NamedTuple):
    """A part of a scan.

    Attributes:
        seen: the colours, sharp, blurred, and the squares of the latter, `[..., 3C]`.
        infrared: the channel, `[...]`.
    """

    seen: np.ndarray
    infrared: np.ndarray


class Scan:
    """A picture and its infrared channel, whose logarithms are computed part by part."""

    def __init__(self, colours: np.ndarray, infrared: np.ndarray, shift: Shift):
        """Takes the colours `[H, W, C]` and the channel `[H, W]`, uint8 or uint16, and how it is shifted."""
        self.colours, self.infrared, self.shift = colours, infrared, shift
        values = np.arange(np.iinfo(colours.dtype).max + 1, dtype=np.float32)
        self._logarithm = np.log((values + _darkest(colours)) / values[-1])
        self._least = _darkest(infrared)

    def part(self, rows: slice, columns: slice) -> Logarithms:
        """The logarithms of some rows and columns."""
        import cv2

        top, left = max(0, rows.start - _MARGIN), max(0, columns.start - _MARGIN)
        around = self.colours[top : rows.stop + _MARGIN, left : columns.stop + _MARGIN]
        sharp = self._logarithm[around]
        blurred = cv2.GaussianBlur(sharp, (0, 0), _BLUR).reshape(sharp.shape)
        inside = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        light = self.shift.moved(self.infrared, rows, columns)
        blurred = blurred[inside]
        seen = np.concatenate([sharp[inside], blurred, blurred * blurred], axis=-1)
        return Logarithms(seen, np.log(np.maximum(light, 0) + self._least))


@dataclasses.dataclass(frozen=True, eq=False)
class Crosstalk:
    """How the picture shows in the channel.

    Attributes:
        weights: factors of what is seen, `[3C]`.
        contrast: of what the picture explains of the channel, as a share of the picture's own; both of logarithms.
    """

    weights: np.ndarray
    contrast: float

    def darker(self, part: Logarithms) -> np.ndarray:
        """How much darker the channel is than the picture explains, but for a level: a logarithm, float32 `[...]`."""
        return part.seen @ self.weights.astype(np.float32) - part.infrared


def no_crosstalk(channels: int) -> Crosstalk:
    """A picture of so many channels that does not show."""
    return Crosstalk(np.zeros(3 * channels), 0.0)


def fitted_crosstalk(scan: Scan) -> Crosstalk:
    """Fits the logarithm of the channel by those of the colours and even shading, leaving out what damage darkens."""
    height, width = scan.infrared.shape
    parts, positions = [], []
    for rows, columns in squares(height, width, side=_SIDE, most=_SQUARES):
        part = scan.part(rows, columns)
        parts.append((part.seen[::_STEP, ::_STEP], part.infrared[::_STEP, ::_STEP]))
        y, x = np.mgrid[rows.start : rows.stop : _STEP, columns.start : columns.stop : _STEP]
        positions.append(np.stack([2 * y / height - 1, 2 * x / width - 1], axis=-1).reshape(-1, 2))
    channels = parts[0][0].shape[-1]
    seen = np.concatenate([part.reshape(-1, channels) for part, _ in parts]).astype(np.float64)
    infrared = np.concatenate([part.ravel() for _, part in parts]).astype(np.float64)
    y, x = np.concatenate(positions).T
    shading = np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], axis=1)
    weights, inside, noise = _robust(np.concatenate([seen, shading], axis=1), infrared)
    seen, weights = seen[inside], weights[:channels]
    colours = seen[:, : channels // 3]
    own = float((colours @ (LUMA if channels == 9 else np.ones(1))).std())
    contrast = float((seen @ weights).std()) / max(own, 0.02)
    # On a smooth picture it is learnt from a scratch, which is bright there and much darker in infrared.
    if contrast > _MOST_CONTRAST and _robust(shading, infrared)[2] < _AS_WELL * noise:
        return no_crosstalk(colours.shape[1])
    return Crosstalk(weights, contrast)


def _robust(given: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Regression with Tukey's weights; also which samples count, and the standard deviation of most of them."""
    kept = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        weighted = given * kept[:, None]
        square = weighted.T @ given
        square[np.diag_indices_from(square)] += _RIDGE * len(wanted)
        weights = np.linalg.solve(square, weighted.T @ wanted)
        rest = wanted - given @ weights
        noise = max(float(np.median(np.abs(rest))) / 0.6745, 1e-4)
        kept = np.clip(1 - (rest / (_TUKEY * noise)) ** 2, 0, None) ** 2
    return weights, kept > 0, noise


def _darkest(layer: np.ndarray) -> np.float32:
    """A level below which values differ by noise only."""
    step = max(1, layer.shape[0] // 500)
    return np.float32(max(1.0, _DARKEST * float(np.percentile(layer[::step, ::step], 99))))
