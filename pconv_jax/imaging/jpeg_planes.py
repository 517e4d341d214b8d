"""Brightness and chroma of a JPEG file whose photograph was changed in places: elsewhere they stay those of the file.

A decoder enlarges the halved chroma smoothly, and an encoder averages it, which is not the inverse; colours that are
rounded to red, green and blue come back as others. So a photograph that is only decoded and encoded changes everywhere.
"""

import io

import numpy as np

from pconv_jax.imaging.pixels import turned
from pconv_jax.imaging.strips import strips

_ALL, _HALVED = 0, 2  # of the chroma, as Pillow numbers it; 1 is halved across
_ROWS = 16  # that are compared at once


def planes_of(pixels: np.ndarray, source: bytes, sampling: int, *, orientation: int) -> np.ndarray | None:
    """The planes to encode.

    Args:
        pixels: `[H, W, 3]`, uint8 RGB, upright.
        source: the JPEG file whose photograph they were.
        sampling: of the chroma that is written, as for `JpegCoding`.
        orientation: how the pixels lay in the file, as for `Photograph`.

    Returns:
        `[H, W, 3]`, uint8: brightness and chroma, which the encoder makes what they are in the file wherever no pixel
        was changed; None for pixels of another size, and where that cannot be known.
    """
    import cv2

    before = turned(_decoded(source, "RGB"), orientation)
    if before.shape != pixels.shape:
        return None
    height, width = pixels.shape[:2]
    if orientation != 1 and sampling != _ALL and (height % 2 or width % 2):
        return None  # others would be averaged together
    if sampling == _HALVED and min(height, width) == 1:
        return None  # it cannot be decoded at half its size
    planes = turned(_decoded(source, "YCbCr"), orientation)
    if sampling != _ALL:
        planes[..., 1:] = _averages(source, planes, sampling, orientation)
    for strip in (slice(first, first + _ROWS) for first in range(0, height, _ROWS)):
        if np.array_equal(pixels[strip], before[strip]):
            continue
        own, changed = planes[strip], (pixels[strip] != before[strip]).any(axis=2)
        # Not by Pillow, which rounds down.
        new = cv2.cvtColor(np.ascontiguousarray(pixels[strip]), cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
        own[changed] = new[changed]
    return planes


def _averages(source: bytes, planes: np.ndarray, sampling: int, orientation: int) -> np.ndarray:
    """The chroma as it is in the file, each value as often as it stands for pixels: `[H, W, 2]`."""
    height, width = planes.shape[:2]
    if sampling == _HALVED:
        # At half the size nothing is enlarged.
        halved = turned(_decoded(source, "YCbCr", halved=True)[..., 1:], orientation)
        return halved.repeat(2, 0).repeat(2, 1)[:height, :width]
    halved = np.empty((height, -(-width // 2), 2), np.uint8)
    for strip in strips(height, width):
        halved[strip] = _before_it_was_enlarged(planes[strip, :, 1:])
    return halved.repeat(2, 1)[:, :width]


def _before_it_was_enlarged(chroma: np.ndarray) -> np.ndarray:
    """What libjpeg enlarged across to `[h, W, 2]`, by least squares: `[h, (W + 1) // 2, 2]`.

    Each value became two, of three quarters of itself and one of its neighbour on that side, or of itself at an end.
    """
    from scipy.linalg import solveh_banded

    height, width = chroma.shape[:2]
    count = -(-width // 2)
    if count == 1:
        return chroma[:, :1]
    padded = np.zeros((height, 2 * count + 2, 2), np.float32)
    padded[:, 1 : width + 1] = chroma
    padded[:, 0] = chroma[:, 0]
    bands = np.full((2, count), 0.375)
    bands[1] = 1.25
    bands[1, 0] = 1.625
    if width % 2:
        bands[1, -1] = 0.625
    else:
        padded[:, -1] = chroma[:, -1]
        bands[1, -1] = 1.625
    sums = 0.75 * (padded[:, 1:-1:2] + padded[:, 2::2]) + 0.25 * (padded[:, :-2:2] + padded[:, 3::2])
    halved = solveh_banded(bands, sums.swapaxes(0, 1).reshape(count, -1)).reshape(count, height, 2)
    return np.rint(halved).clip(0, 255).astype(np.uint8).swapaxes(0, 1)


def _decoded(source: bytes, mode: str, *, halved: bool = False) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(source)) as image:
        image.draft(mode, (image.width // 2, image.height // 2) if halved else image.size)
        return np.array(image if image.mode == mode else image.convert(mode))
