"""Whether what fills a hole looks like its surroundings, judged without the true content.

Natural images have derivatives of a heavy-tailed distribution, much the same all over a scene (Ruderman 1994; Huang and
Mumford 1999). What blurs has too many small ones; what is noisy or has a grid, too many large ones. So the distribution
in the hole is compared with that in the undamaged part of the same image; nothing looks at what was in the hole.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from pconv_jax.evaluation.composites import make_composite
from pconv_jax.imaging.masks import LUMA

_STEPS = 64  # of an octave, that differences are counted in
_OCTAVES = np.arange(-8 * _STEPS, 3 * _STEPS) / _STEPS  # from one grey level to a second difference of 2, and more
_FLOOR = 1 / 255  # one grey level: rounding to 8 bits is not taken for texture


def unnaturalness(composite: np.ndarray, image: np.ndarray, mask: np.ndarray) -> float:
    """Distance between the statistics of a hole's content and those of the image around it; lower is better.

    First and second differences of the luma along rows and columns; of each order the distribution of log2(|difference|
    + 1 / 255) of those that touch the hole, and of those that do not; the mean of the two Wasserstein distances. The
    seam counts, as it touches the hole. True content does not score 0, as no two parts of an image are quite alike.

    Args:
        composite: `[H, W, 3]` in [0, 1]; only its hole counts.
        image: `[H, W, 3]` the clean image; only its valid pixels count.
        mask: `[H, W, 1]`, 1 = valid, 0 = hole.

    Returns:
        Octaves, 0 for equal distributions; NaN where hole or valid part are empty.

    References:
        Ruderman, The statistics of natural images, 1994; Huang and Mumford, Statistics of natural images and models,
        CVPR 1999; the comparison with undamaged images follows Mittal et al., Making a "completely blind" image quality
        analyzer (NIQE), 2013.
    """
    luma = make_composite(image, mask, composite) @ LUMA
    hole = mask[..., 0] == 0
    distances = []
    for order in (1, 2):
        counts = np.zeros((2, len(_OCTAVES)))
        for values, touched in _differences(luma, hole, order):
            steps = np.rint((np.log2(np.abs(values) + _FLOOR) - _OCTAVES[0]) * _STEPS).astype(int)
            for row, chosen in enumerate((touched, ~touched)):
                counts[row] += np.bincount(steps[chosen], minlength=len(_OCTAVES))
        if not counts.any(1).all():
            return float("nan")
        distances.append(stats.wasserstein_distance(_OCTAVES, _OCTAVES, *counts))
    return float(np.mean(distances))


def _differences(luma: np.ndarray, hole: np.ndarray, order: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Differences along columns and along rows, and whether a pixel of the hole takes part in each."""
    for axis in (0, 1):
        count = luma.shape[axis] - order
        places = [np.take(hole, range(at, at + count), axis) for at in range(order + 1)]
        yield np.diff(luma, n=order, axis=axis), np.logical_or.reduce(places)
