"""Noise of an image that differs from pixel to pixel, which a network is shown an image without.

Networks continue noise into holes as if it were detail: as coloured blotches. Of grain, whose neighbouring pixels are
alike, they continue what can be known, so it is left.
"""

import functools

import numpy as np

from pconv_jax.imaging.masks import LUMA

# Levels of 255 from which on noise is smoothed, and from which on all of it.
_LITTLE, _CLEAR = 3.0, 5.0
# Noise of the means of two by two pixels over that of pixels: 0.5 where pixels have nothing to do with each other, from
# 0.85 up in photographs without noise and in those with grain.
_ALONE, _ALIKE = 0.65, 0.75
_BLOCK = 16  # px; the noise is that of the flattest quarter of blocks
_FEWEST, _MOST = 8, 1500  # blocks to know it from
_CLIPPED = 0.02  # share of pixels that are black or white, which hides noise
_RANGE, _SIGMA, _SIDE = 4.5, 2.5, 9  # of the bilateral filter: tones in units of the noise, and px


def white_noise(pixels: np.ndarray, unseen: np.ndarray) -> float:
    """The noise of an image that is to be smoothed.

    Args:
        pixels: `[H, W, C]`, uint8 or uint16; the last of two or four channels is alpha.
        unseen: bool `[H, W]`, where no colour is known.

    Returns:
        Its standard deviation as a share of the range of values; 0 if there is too little, or too little to know it
        from, or if it is grain: then nothing is to be smoothed.
    """
    if min(unseen.shape) < _BLOCK:
        return 0.0
    fine, coarse = _of_blocks(pixels, unseen)
    if len(fine) < _FEWEST:
        return 0.0
    flattest = np.argsort(fine)[: max(_FEWEST, len(fine) // 4)]
    noise, of_means = np.median(fine[flattest]), np.median(coarse[flattest])
    if noise == 0:
        return 0.0
    clear = np.clip((255 * noise - _LITTLE) / (_CLEAR - _LITTLE), 0, 1)
    alone = np.clip((_ALIKE - of_means / noise) / (_ALIKE - _ALONE), 0, 1)
    return float(noise * clear * alone)


def smoothed(values: np.ndarray, unseen: np.ndarray, noise: float, *, brightness: bool = True) -> np.ndarray:
    """A part of an image with less noise: each pixel is a mean of those around that are like it.

    Args:
        values: float32 `[h, w, C]`, of which the first three are colours in [0, 1].
        unseen: bool `[h, w]`, where no colour is known: these count for no mean, and stay as they are.
        noise: what `white_noise` found, above 0.
        brightness: whether that changes too, or only how colours differ from grey.

    Returns:
        A new array of that kind (Tomasi and Manduchi, ICCV 1998).
    """
    import cv2

    colours = values[..., :3].copy()
    colours[unseen] = -2  # unlike all that is seen
    change = cv2.bilateralFilter(colours, _SIDE, _RANGE * noise, _SIGMA) - colours
    if not brightness:
        change -= (change @ LUMA)[..., None]
    change[unseen] = 0
    result = values.copy()
    result[..., :3] += change
    return result


def _of_blocks(pixels: np.ndarray, unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noise of pixels and of means of two by two in blocks where it can be known, evenly over the image."""
    top = np.iinfo(pixels.dtype).max
    colours = pixels.shape[2] - (pixels.shape[2] in (2, 4))
    height, width = (side // _BLOCK for side in unseen.shape)
    found = []
    every = max(1, height * width // _MOST)
    for row in range(every // 2 if height > every else 0, height, every):
        place = np.s_[row * _BLOCK : (row + 1) * _BLOCK, : width * _BLOCK]
        strip = pixels[place][..., :colours]
        clipped = ((strip == 0) | (strip == top)).any(axis=2)
        known = ~_each_block(unseen[place]).any(axis=1) & (_each_block(clipped).mean(axis=1) < _CLIPPED)
        blocks = _each_block(strip)[known].astype(np.float32) / np.float32(top)
        found.append(np.stack([_noise(blocks), _noise(_halved(blocks))]))
    fine, coarse = np.concatenate(found, axis=1)
    return fine, coarse


def _each_block(strip: np.ndarray) -> np.ndarray:
    """`[_BLOCK, n * _BLOCK, ...]` as `[n, _BLOCK * _BLOCK]` or `[n, _BLOCK, _BLOCK, C]`."""
    blocks = strip.reshape(_BLOCK, -1, _BLOCK, *strip.shape[2:]).swapaxes(0, 1)
    return blocks if strip.ndim > 2 else blocks.reshape(len(blocks), -1)


def _halved(blocks: np.ndarray) -> np.ndarray:
    count, side, _, channels = blocks.shape
    halved: np.ndarray = blocks.reshape(count, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4))
    return halved


def _noise(blocks: np.ndarray) -> np.ndarray:
    """Standard deviation of noise in each of `[n, side, side, C]`, by what no plane explains (Immerkaer, CVIU 1996)."""
    second = functools.partial(np.diff, n=2)
    noise: np.ndarray = np.abs(second(second(blocks, axis=1), axis=2)).mean(axis=(1, 2, 3)) * np.sqrt(np.pi / 2) / 6
    return noise
