"""Looks at an image at other sizes than its own, and what all looks find together.

The network finds thin damage more surely when it is enlarged, and broad damage when it is made smaller. All arrays are
float32.
"""

import numpy as np

from pconv_jax.detection.windows import Shown

SCALE = 1.5
"""By how much windows are enlarged; their sides and margins are even, so those of enlarged ones are whole numbers."""

_DOUBT = 3.0  # log-odds that the look at half the size loses, for each factor of e that softness is below 1
_LEAST = 1e-6  # least probability, and least distance from 1: a look that is surer than that counts as if it were not


def enlarged(shown: Shown) -> Shown:
    """A window larger by `SCALE`, mirrored; values at the image's edge are interpolated from pixels inside alone."""
    import cv2

    image, inside = shown
    height, width = (round(SCALE * side) for side in image.shape[:2])
    weighted = cv2.resize(np.dstack([image * inside, inside])[:, ::-1], (width, height), interpolation=cv2.INTER_LINEAR)
    share = weighted[..., -1:]
    values = np.divide(weighted[..., :-1], share, out=np.zeros_like(weighted[..., :-1]), where=share > 0)
    return Shown(values, (share >= 0.5).astype(np.float32))


def combined(output: np.ndarray, larger: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """What three looks at a window find: the mean, in log-odds, of the plain look and of the surer of the other two.

    Args:
        output: of the network for the window, `[H, W, 2]`: probability of damage, and opacity.
        larger: of the network for the enlarged window, likewise, still mirrored.
        smaller: log-odds of damage by the look at half the size, `[h, w]`: as much of the window as lies in the image.

    Returns:
        `[h, w, 2]`: probability, and the mean of the two opacities.
    """
    import cv2

    mirrored = np.dstack([log_odds(larger[..., 0]), larger[..., 1]])[:, ::-1]
    other = cv2.resize(mirrored, output.shape[1::-1], interpolation=cv2.INTER_AREA)
    height, width = smaller.shape
    output, other = output[:height, :width], other[:height, :width]
    mean = (log_odds(output[..., 0]) + np.maximum(other[..., 0], smaller)) / 2
    return np.dstack([1 / (1 + np.exp(-mean)), (output[..., 1] + other[..., 1]) / 2])


def less_sure(smaller: np.ndarray, softness: float) -> np.ndarray:
    """Log-odds by a look at half the size, which counts the less, the less surely the image is soft.

    Args:
        smaller: log-odds of damage by that look.
        softness: how surely the image is soft, above 0, at most 1.
    """
    return smaller + np.float32(_DOUBT * np.log(softness))


def surer(output: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """What the surer of two looks finds: damage of a soft image may be as soft, or sharp.

    Args:
        output: of the network for a window, or what was found there, `[H, W, 2]`.
        smaller: log-odds of damage by the look at half the size, `[h, w]`: as much of the window as lies in the image.

    Returns:
        `[h, w, 2]`: probability, and the opacity of `output`.
    """
    height, width = smaller.shape
    output = output[:height, :width]
    return np.dstack([np.maximum(output[..., 0], 1 / (1 + np.exp(-smaller))), output[..., 1]])


def doubled(smaller: np.ndarray, place: tuple[slice, slice]) -> np.ndarray:
    """A part of a map that is interpolated to twice its size: a whole one would take too much memory.

    Args:
        smaller: map of an image at half its size, `[h, w]`.
        place: rows and columns of the part, px of the image's own size.

    Returns:
        The part.
    """
    import cv2

    first = [max(0, side.start // 2 - 1) for side in place]  # with what its edges are interpolated from
    around = smaller[first[0] : (place[0].stop + 1) // 2 + 1, first[1] : (place[1].stop + 1) // 2 + 1]
    larger = cv2.resize(around, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    rows, columns = (
        slice(side.start - 2 * start, side.stop - 2 * start) for side, start in zip(place, first, strict=True)
    )
    return larger[rows, columns]


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, which are clipped just inside 0 and 1."""
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))
