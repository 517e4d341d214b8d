"""Scores of damage detectors, and the classical detectors that they are compared with.

A response is float32 `[H, W]`, higher = more likely damage; truth bool `[H, W]`, True = damage.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pconv_jax.masks.film_damage import Laid

Response = Callable[[np.ndarray], np.ndarray]
"""From an image, uint8 `[H, W, 3]`, to its response."""

LEAST_FALSE_ALARMS = 0.0005
"""Share of the pixels at which recall is compared."""

_SIGMAS = (1.0, 2.0, 3.0)  # of the ridge filters, px
_SIDES = (5, 9, 17)  # of the structuring elements and medians, px


@dataclasses.dataclass(frozen=True)
class Counts:
    """Pixels at each threshold; what lies within the tolerance of the truth is right.

    Attributes:
        hit: damaged pixels that are found, `[T]`.
        missed: damaged pixels that are not.
        false: pixels that are found and not damaged.
        pixels: all that count.
    """

    hit: np.ndarray
    missed: np.ndarray
    false: np.ndarray
    pixels: int

    @property
    def jaccard(self) -> np.ndarray:
        """Jaccard coefficient at each threshold; 1 where nothing is there and nothing found."""
        return (self.hit + (self.hit + self.missed + self.false == 0)) / np.maximum(
            self.hit + self.missed + self.false, 1
        )

    @property
    def f1(self) -> np.ndarray:
        """F1 score at each threshold."""
        return 2 * self.jaccard / (1 + self.jaccard)

    @property
    def recall(self) -> np.ndarray:
        """Share of the damaged pixels that are found; NaN where none is."""
        damaged = self.hit + self.missed
        return np.where(damaged > 0, self.hit / np.maximum(damaged, 1), np.nan)

    @property
    def false_alarms(self) -> np.ndarray:
        """Share of all pixels that are found and not damaged; 0 where none counts."""
        return self.false / max(self.pixels, 1)


def count(
    response: np.ndarray,
    truth: np.ndarray,
    thresholds: Sequence[float],
    *,
    ignored: np.ndarray | None = None,
    tolerance: int = 1,
) -> Counts:
    """Compares a response with the truth at several thresholds.

    Args:
        response: `[H, W]`.
        truth: bool `[H, W]`.
        thresholds: a pixel is found from these on.
        ignored: bool `[H, W]`, pixels that count neither way.
        tolerance: px that a detection may be off.

    Returns:
        The counts.
    """
    counted = np.ones_like(truth) if ignored is None else ~ignored
    truth = truth & counted
    near = _widened(truth, tolerance)
    found = [(response >= threshold) & counted for threshold in thresholds]
    hits = [np.count_nonzero(truth & _widened(each, tolerance)) for each in found]
    false = [np.count_nonzero(each & ~near) for each in found]
    hit = np.array(hits)
    return Counts(hit, np.count_nonzero(truth) - hit, np.array(false), int(np.count_nonzero(counted)))


class Opacity(NamedTuple):
    """Means over the damaged pixels of an image; NaN where none is.

    Attributes:
        true: opacity of the damage, in [0, 1].
        estimated: what a detector takes it for.
        error: mean absolute error of that.
    """

    true: float
    estimated: float
    error: float


def opacity_of(estimate: np.ndarray, laid: Laid) -> Opacity:
    """Compares an estimate of the opacity with the truth, wherever damage can be seen.

    Args:
        estimate: float `[H, W]` in [0, 1].
        laid: the damaged image.

    Returns:
        Its means.
    """
    if not laid.visible.any():
        return Opacity(np.nan, np.nan, np.nan)
    true, estimated = (array[laid.visible].astype(np.float64) for array in (laid.opacity, estimate))
    return Opacity(true.mean().item(), estimated.mean().item(), np.abs(estimated - true).mean().item())


def classical_detectors() -> dict[str, Response]:
    """By name: top-hats, the difference to a median, and scikit-image's ridge filters, each for pale and dark lines."""
    return {
        "top-hat": _top_hat,
        "median": _median,
        "frangi": _ridges("frangi"),
        "meijering": _ridges("meijering"),
        "sato": _ridges("sato"),
    }


def _top_hat(image: np.ndarray) -> np.ndarray:
    """The largest white or black top-hat over discs of several sizes."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    hats = [
        cv2.morphologyEx(grey, kind, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        for side in _SIDES
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)
    ]
    return np.max(hats, axis=0).astype(np.float32) / np.float32(255)


def _median(image: np.ndarray) -> np.ndarray:
    """The largest difference to a median over squares of several sizes."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    differences = [cv2.absdiff(grey, cv2.medianBlur(grey, side)) for side in _SIDES]
    return np.max(differences, axis=0).astype(np.float32) / np.float32(255)


def _ridges(name: str) -> Response:
    def response(image: np.ndarray) -> np.ndarray:
        import cv2
        from skimage import filters

        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
        ridges = getattr(filters, name)
        both = [ridges(grey, sigmas=_SIGMAS, black_ridges=dark, mode="reflect") for dark in (False, True)]
        # Frangi's filter spans many decades: the fourth root spreads them over the thresholds.
        return np.asarray(np.max(both, axis=0), np.float32) ** np.float32(0.25)

    return response


def _widened(hole: np.ndarray, by: int) -> np.ndarray:
    import cv2

    return cv2.dilate(hole.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)).astype(bool)
