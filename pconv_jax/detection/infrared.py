"""The damage that the infrared channel of a film scan shows.

The dyes of colour film let infrared light through; dust, hairs and scratches do not. What is darker in the channel
than the picture explains is damage. Tested on synthetic scans only.
"""

import math
from collections.abc import Iterator

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.detection.alignment import measured_shift, no_shift
from pconv_jax.detection.crosstalk import Scan, fitted_crosstalk, no_crosstalk
from pconv_jax.detection.damage_map import GROWN, Choice, DamageMap
from pconv_jax.imaging.masks import LUMA

_TILE = 1024  # side of what is computed at once, px
_BLOCK = 64  # side of the blocks in which level and noise are measured, px
_STEP = 2  # of their rows and columns, every so many
_SURE = 6.0  # standard deviations of the noise from which on a pixel is more likely damaged than not
_SOFT = 1.0  # standard deviations by which the odds grow by a factor of e
_LEAST_NOISE = 0.002  # of the light: less would take rounding for noise
_FAINT, _FAINT_SOFT = 0.04, 0.01  # likewise of opacity
_SELECTED, _LEAST_SELECTED = 0.5, 0.01  # shares of a selection: at both ends, and at the rarer one
_FOLLOWS = 0.45  # contrast of the channel, as a share of the picture's, from which on the film must hold silver


def infrared_damage(
    pixels: np.ndarray, infrared: np.ndarray, *, align: bool = True, remove_crosstalk: bool = True
) -> DamageMap:
    """Looks for damage in the infrared channel of a scan of colour film.

    The channel is aligned with the picture to a fraction of a pixel. What the picture predicts of it, by a robust
    regression of its logarithm on those of the colours, is divided out. What remains darker than noise explains is
    damage, and as opaque as it is darker.

    Args:
        pixels: `[H, W]` or `[H, W, 3]`, uint8 or uint16.
        infrared: `[H, W]`, uint8 or uint16, in which damage is dark.
        align: whether the channel may be shifted against the picture, by up to 12 px.
        remove_crosstalk: whether the picture may show in the channel.

    Returns:
        The map of the damage; its opacity is that for infrared light.

    Raises:
        InputError: another type or size; a channel that is a mask or a selection; one that is shifted further; or one
            that follows the picture, as with black-and-white film and Kodachrome, whose silver absorbs infrared light.
    """
    pixels, infrared = (layer.astype(layer.dtype.newbyteorder("="), copy=False) for layer in (pixels, infrared))
    _check(pixels, infrared)
    colours = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width = infrared.shape
    scan = Scan(colours, infrared, measured_shift(colours[..., 0], infrared) if align else no_shift())
    crosstalk = fitted_crosstalk(scan) if remove_crosstalk else no_crosstalk(colours.shape[2])
    if crosstalk.contrast > _FOLLOWS:
        raise InputError(
            f"its infrared channel follows the picture ({crosstalk.contrast:.0%} of its contrast), as with "
            "black-and-white film and Kodachrome, and does not tell damage from it: look for damage without infrared "
            "(--no-infrared)"
        )
    darker = np.empty((height, width), np.float32)
    found = DamageMap(np.empty_like(darker), np.empty_like(darker), np.empty((height, width), np.uint8))
    for tile in _tiles(height, width):
        darker[tile] = crosstalk.darker(scan.part(*tile))
    level, noise = _level_and_noise(darker)
    for tile in _tiles(height, width):
        here = darker[tile] - _enlarged(level, *tile)
        found.opacity[tile] = np.clip(1 - np.exp(-here), 0, 1)
        sure = _logistic((here / _enlarged(noise, *tile) - _SURE) / _SOFT)
        visible = _logistic((found.opacity[tile] - _FAINT) / _FAINT_SOFT)
        found.probability[tile] = _for_choices(sure * visible * scan.shift.covered(infrared.shape, *tile))
        found.grey[tile] = _grey(colours[tile])
    return found


def _for_choices(probability: np.ndarray) -> np.ndarray:
    """Probabilities on the scale of `Choice`, made for a detector that is less often right.

    At the default sensitivity one half is enough, and a quarter where it touches such a pixel.
    """
    threshold = Choice().threshold
    sure, touching = (math.log(share / (1 - share)) for share in (threshold, GROWN * threshold))
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: np.ndarray = _logistic(sure + (sure - touching) / math.log(3) * np.log(clipped / (1 - clipped)))
    return np.where(probability > 0, odds, 0)


def _check(pixels: np.ndarray, infrared: np.ndarray) -> None:
    for name, layer in (("image", pixels), ("infrared channel", infrared)):
        if layer.dtype not in (np.uint8, np.uint16):
            raise InputError(f"the {name} must be uint8 or uint16, not {layer.dtype}: convert it")
    if infrared.ndim != 2 or 0 in infrared.shape or pixels.shape not in (infrared.shape, (*infrared.shape, 3)):
        raise InputError(
            f"the image is {pixels.shape} and its infrared channel {infrared.shape}: they must be [H, W, 3] or "
            "[H, W], and [H, W]"
        )
    low, high = infrared.min(), infrared.max()
    if low == high:
        raise InputError(
            f"its infrared channel is the same everywhere ({low}) and tells of no damage: look for damage without "
            "infrared (--no-infrared)"
        )
    if bool(((infrared == low) | (infrared == high)).all()):
        raise InputError(
            f"its infrared channel holds nothing but {low} and {high}, as a mask does: look for damage without "
            "infrared (--no-infrared)"
        )
    ends = sorted(float((infrared == end).mean()) for end in (low, high))
    if sum(ends) > _SELECTED and ends[0] > _LEAST_SELECTED:
        raise InputError(
            f"{sum(ends):.0%} of its further channel are exactly {low} or {high}, as in a selection that an editor "
            "saved and not in infrared, which has noise: look for damage without it (--no-infrared)"
        )


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the squares that make up an image."""
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            yield slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))


def _level_and_noise(darker: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What undamaged film has in each block, and the standard deviation there: medians, which damage hardly moves."""
    import cv2

    side = _BLOCK // _STEP
    few = darker[::_STEP, ::_STEP]
    few = np.pad(few, [(0, -length % side) for length in few.shape], mode="symmetric")
    rows, columns = (length // side for length in few.shape)
    blocks = few.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    level = cv2.medianBlur(np.median(blocks, axis=2), 5)
    noise = np.median(np.abs(blocks - level[..., None]), axis=2) / np.float32(0.6745)
    noise = cv2.medianBlur(noise, 3)
    return level, np.maximum(noise, max(float(np.median(noise)), _LEAST_NOISE))


def _enlarged(blocks: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """The values of blocks at some pixels, changing evenly between their middles."""
    import cv2

    first = [(part.start + 0.5) / _BLOCK - 0.5 for part in (columns, rows)]
    matrix = np.array([[1 / _BLOCK, 0, first[0]], [0, 1 / _BLOCK, first[1]]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(blocks, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _grey(colours: np.ndarray) -> np.ndarray:
    seen = colours[..., 0] if colours.shape[2] == 1 else np.rint(colours @ LUMA)
    return np.rint(seen / (1 if colours.dtype == np.uint8 else 257)).astype(np.uint8)


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))
