"""The grain of a photograph: strength by brightness, colour and spectrum, measured in flat places near holes."""

import dataclasses
import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pconv_jax.imaging.arrays import to_float
from pconv_jax.inpainting.windows import GRID

_BLOCKS = 3  # of the grid, a side of a patch
_PATCH = _BLOCKS * GRID  # px
_NEAR = 8  # blocks of the grid around a hole in which grain is measured
_MOST_PATCHES = 1024
_FEWEST_PATCHES = 16
_ENOUGH_PATCHES = 64  # near the holes; otherwise in all of the image
_MOST_HOLE = 0.04  # share of a patch
_CELL = 8  # px
_FLAT_CELLS = 0.25  # of the cells are taken for flat
_DOUBT = 0.8  # of the variance in flat patches: cells that have less of it are believed
_GROUPS = 8  # of brightness, at most
_IN_GROUP = 16  # patches, at least
_FLATTEST = 4  # one in so many patches of a group is taken for flat: picture in a patch only adds variance
_MOST_VARIANCE = 2.0  # times that of the brightness with little of it: more is texture
_LOWER_QUARTER = -1.271  # mean of the lower quarter of a standard normal distribution
_CLIPPED = 0.01  # patches closer to black or white show less grain than there was
_TILE = 512  # px; the noise is repeated at this distance, beyond what a hole shows
BINOMIAL = [
    (down, right, (2 - abs(down)) * (2 - abs(right)) / 16) for down, right in itertools.product((-1, 0, 1), repeat=2)
]
"""Offsets and weights of 3x3 pixels: the binomial filter."""


@dataclasses.dataclass(frozen=True)
class Grain:
    """The grain of a photograph.

    Attributes:
        brightness: `[B]`, ascending, in [0, 1].
        deviation: `[B, 3]`, standard deviation at each brightness, pixel values in [0, 1].
        spectrum: `[S, S, 3, 3]`, cross-spectrum of the channels, each of variance 1; Hermitian.
        filter: what white noise is multiplied by to have it: `[T, T // 2 + 1, 3, 3]`, half of the waves of a tile.
    """

    brightness: np.ndarray
    deviation: np.ndarray
    spectrum: np.ndarray
    filter: np.ndarray

    def at(self, brightness: np.ndarray) -> np.ndarray:
        """Standard deviations `[P, 3]` at the brightness `[P]` of some pixels."""
        return np.stack([np.interp(brightness, self.brightness, each) for each in self.deviation.T], axis=-1)

    def noise(self, seed: int) -> np.ndarray:
        """Gaussian noise `[T, T, 3]` of the spectrum that continues at its borders, each channel of variance 1."""
        return _noise(self.filter, seed)


def measure_grain(pixels: np.ndarray, hole: np.ndarray) -> Grain | None:
    """Measures the grain around holes.

    Args:
        pixels: `[H, W, C]`, C from 1 to 4.
        hole: `[H, W]`, bool.

    Returns:
        The grain of the colours; None if there is too little to measure it on.
    """
    patches, holes = _patches_near(pixels, hole)
    brightness = patches.mean((1, 2, 3))
    usable = (brightness > _CLIPPED) & (brightness < 1 - _CLIPPED)
    patches, holes, brightness = patches[usable], holes[usable], brightness[usable]
    if len(patches) < _FEWEST_PATCHES:
        return None
    residuals, valid = _detrended(patches), ~holes[..., None]
    variances = np.square(residuals * valid).sum((1, 2)) / valid.sum((1, 2))
    groups = np.array_split(np.argsort(brightness, kind="stable"), np.clip(len(patches) // _IN_GROUP, 1, _GROUPS))
    flat = [group[np.argsort(variances[group].sum(1))[: len(group) // _FLATTEST]] for group in groups]
    measured = np.stack([variances[group].mean(0) for group in flat])
    spectrum = _spectrum([residuals[group] for group in flat], measured)
    traces = np.trace(spectrum, axis1=2, axis2=3).real.sum()
    spread = np.sqrt(2 * np.square(np.abs(spectrum)).sum()) / traces  # of a patch's variance, relative
    measured /= max(0.5, 1 + _LOWER_QUARTER * spread)  # the flattest were chosen by their variance
    # Detail in the flattest cells, as much as noise of this spectrum has there: less where it was picture, not noise.
    cells = np.where(_cells(holes[:, 1:-1, 1:-1, None]) > 0, np.nan, _cells(np.square(detail_of(patches))))
    noise_filter = _filter(spectrum)
    of_noise = _cells(np.square(detail_of(_noise(noise_filter, 0)[None])))
    least = np.stack([np.nanquantile(cells[group].reshape(-1, 3), _FLAT_CELLS, axis=0) for group in groups])
    least /= np.quantile(of_noise.reshape(-1, 3), _FLAT_CELLS, axis=0)
    variance = np.where(least < _DOUBT * measured, least, measured)
    if pixels.dtype.kind == "u":
        variance = np.maximum(variance - 1 / 12 / np.iinfo(pixels.dtype).max ** 2, 0)  # of rounding
    variance = np.minimum(variance, _MOST_VARIANCE * np.quantile(variance, 0.25, axis=0))
    means = np.array([brightness[group].mean() for group in flat])
    return Grain(means, np.sqrt(variance), spectrum, noise_filter)


def _patches_near(pixels: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patches `[K, S, S, 3]` with next to no hole, floating point, and their holes; near holes, if there are enough."""
    import cv2

    counts = hole
    for axis, length in enumerate(hole.shape):
        counts = np.add.reduceat(counts, np.arange(0, length, GRID), axis=axis, dtype=np.int32)
    in_patch = sliding_window_view(np.pad(counts, ((0, _BLOCKS), (0, _BLOCKS))), (_BLOCKS, _BLOCKS)).sum((2, 3))
    near = cv2.dilate((counts > 0).astype(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0
    free = in_patch[: len(counts), : counts.shape[1]] <= _MOST_HOLE * _PATCH**2
    for wanted in (near & free, free):
        whole = np.argwhere(wanted)
        places = whole[(whole * GRID + _PATCH <= hole.shape).all(1)] * GRID
        if len(places) >= _ENOUGH_PATCHES:
            break
    places = places[:: -(-len(places) // _MOST_PATCHES) or 1]
    cut = [np.s_[top : top + _PATCH, left : left + _PATCH] for top, left in places]
    if pixels.shape[2] in (2, 4):
        cut = [patch for patch in cut if pixels[patch][..., -1].all()]  # transparent pixels show no grain
    if not cut:
        return np.zeros((0, _PATCH, _PATCH, 3)), np.zeros((0, _PATCH, _PATCH), bool)
    return np.stack([colours_of(pixels[patch]) for patch in cut]), np.stack([hole[patch] for patch in cut])


def detail_of(images: np.ndarray) -> np.ndarray:
    """What a binomial filter of 3x3 pixels takes from images `[N, H, W, C]`, without their border of 1 px."""
    height, width = images.shape[1:3]
    shifted = (
        weight * images[:, 1 + down : height - 1 + down, 1 + right : width - 1 + right]
        for down, right, weight in BINOMIAL
    )
    return images[:, 1:-1, 1:-1] - sum(shifted)


def _cells(values: np.ndarray) -> np.ndarray:
    """Means over squares of `_CELL` px of `[N, H, W, C]`; what is left over at the end is cut off."""
    count, height, width, channels = values.shape
    rows, columns = height // _CELL, width // _CELL
    whole = values[:, : rows * _CELL, : columns * _CELL]
    return whole.reshape(count, rows, _CELL, columns, _CELL, channels).mean((2, 4))


def colours_of(part: np.ndarray) -> np.ndarray:
    """Pixels as three floating-point channels, without alpha."""
    return to_float(part, np.zeros(part.shape[:2], bool))[..., :3].astype(np.float64)


def _detrended(patches: np.ndarray) -> np.ndarray:
    """Patches less the quadratic surface that fits them best."""
    x = np.linspace(-1, 1, _PATCH)
    rows, columns = np.meshgrid(x, x, indexing="ij")
    surface = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=-1)
    basis = np.linalg.qr(surface.reshape(_PATCH**2, -1))[0]
    flat = patches.reshape(len(patches), _PATCH**2, -1)
    return (flat - basis @ (basis.T @ flat)).reshape(patches.shape)


def _spectrum(groups: list[np.ndarray], variances: np.ndarray) -> np.ndarray:
    """Mean cross-spectrum of groups of residuals, each channel scaled to a variance of 1."""
    window = np.hanning(_PATCH + 1)[:-1]
    window = np.outer(window, window)[..., None]
    scaled = np.concatenate(
        [group / np.sqrt(np.maximum(own, 1e-12)) for group, own in zip(groups, variances, strict=True)]
    )
    waves = np.fft.fft2(scaled * window, axes=(1, 2))
    spectrum = np.einsum("kxyc,kxyd->xycd", waves, waves.conj()) / len(scaled)
    power = np.maximum(np.einsum("xycc->c", spectrum).real / _PATCH**2, 1e-12)
    return spectrum / np.sqrt(power[:, None] * power)


def _filter(spectrum: np.ndarray) -> np.ndarray:
    """As `Grain.filter`, of a spectrum."""
    values, vectors = np.linalg.eigh(spectrum)
    roots = np.einsum("xyce,xye,xyde->xycd", vectors, np.sqrt(np.maximum(values, 0)), vectors.conj())
    kernel = np.zeros((_TILE, _TILE, *roots.shape[2:]))
    half = _PATCH // 2
    kernel[:_PATCH, :_PATCH] = np.fft.fftshift(np.fft.ifft2(roots, axes=(0, 1)).real, axes=(0, 1))
    kernel = np.roll(kernel, (-half, -half), (0, 1))
    return np.fft.rfft2(kernel, axes=(0, 1))


def _noise(noise_filter: np.ndarray, seed: int) -> np.ndarray:
    """Gaussian noise `[T, T, 3]` of a filter that continues at its borders, each channel of variance 1."""
    white = np.random.default_rng(seed).standard_normal((_TILE, _TILE, noise_filter.shape[-1]))
    filtered = np.einsum("xycd,xyd->xyc", noise_filter, np.fft.rfft2(white, axes=(0, 1)))
    noise = np.fft.irfft2(filtered, s=(_TILE, _TILE), axes=(0, 1))
    noise -= noise.mean((0, 1))
    return noise / np.maximum(noise.std((0, 1)), 1e-12)
