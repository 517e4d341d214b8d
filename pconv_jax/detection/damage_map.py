"""What the detector makes of an image, and the holes that follow from it.

A hole is bool `[H, W]`, True = damage.
"""

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pconv_jax.common.errors import InputError
from pconv_jax.models.limits import brief

Tones = Literal["both", "pale", "dark"]

GROWN = 0.8
"""Share of the threshold down to which what touches a detection belongs to it."""
BYTES_A_PIXEL = 20
"""Memory for each pixel of a large image at the peak, besides the image: 12 measured while the detector looks at it (20
with `best`), 16 to 19 while `DamageMap.hole` chooses."""
_LOG_ODDS = 6.0  # that a pixel needs at sensitivity 0
_MOST_DILATED = 102  # px: the commands take up to 100 besides the two that soft edges need
_AROUND = 4  # px around a detection that tell whether it is paler or darker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What of a damage map becomes a hole.

    Attributes:
        sensitivity: above 0 and below 1: the higher, the lower the probability from which on a pixel is damage, see
            `threshold`.
        min_size: detections of fewer pixels are left alone.
        tones: pale damage alone, dark alone, or both; compared with what is around each detection.
        dilate: px by which detections are widened all around: the soft edges of damage would stay as a faint outline.
    """

    sensitivity: float = 0.5
    min_size: int = 3
    tones: Tones = "both"
    dilate: int = 2

    @property
    def threshold(self) -> float:
        """The probability from which on a pixel is damage: 0.95 at sensitivity 0.5, between 0.998 and 0.5.

        Its log-odds fall evenly, from 6 to 0: few pixels of a photograph are damaged, so only high ones are worth a
        change.
        """
        return 1 / (1 + math.exp(-_LOG_ODDS * (1 - self.sensitivity)))

    def check(self) -> None:
        """Refuses values out of range; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        check_sensitivity(self.sensitivity, shown="sensitivity={}")
        whole: tuple[tuple[str, object], ...] = (("min_size", self.min_size), ("dilate", self.dilate))
        for name, value in whole:
            if not isinstance(value, int | np.integer):
                raise InputError(f"{name}={brief(value)} must be a whole number of pixels")
        if self.min_size < 1:
            raise InputError(f"min_size={self.min_size} must be a number of pixels, at least 1")
        if self.tones not in get_args(Tones):
            raise InputError(f"tones={brief(self.tones)} must be one of {', '.join(get_args(Tones))}")
        if not 0 <= self.dilate <= _MOST_DILATED:
            raise InputError(f"dilate={self.dilate} px must lie between 0 and {_MOST_DILATED}")


def check_sensitivity(sensitivity: object, *, shown: str = "--sensitivity is {}, but it") -> None:
    """Refuses a sensitivity out of range.

    Args:
        sensitivity: as in `Choice`.
        shown: how the error names it.

    Raises:
        InputError: it is not above 0 and below 1.
    """
    if not isinstance(sensitivity, int | float | np.integer | np.floating) or not 0 < sensitivity < 1:
        raise InputError(f"{shown.format(brief(sensitivity))} must be above 0 and below 1")


@dataclasses.dataclass(frozen=True, eq=False)
class DamageMap:
    """The damage of an image.

    Attributes:
        probability: that a pixel is damaged, float32 `[H, W]` in [0, 1].
        opacity: of the damage where there is some, float32 `[H, W]` in [0, 1].
        grey: the image as it was looked at, for the tone of what was found: uint8 `[H, W]`.
    """

    probability: NDArray[np.float32]
    opacity: NDArray[np.float32]
    grey: NDArray[np.uint8]

    def hole(self, choice: Choice = Choice(), *, keep: ArrayLike | None = None) -> NDArray[np.bool_]:
        """The holes to inpaint.

        Args:
            choice: what becomes a hole.
            keep: bool `[H, W]`: a region to leave alone, whatever was found there.

        Returns:
            bool `[H, W]`, True = damage.

        Raises:
            InputError: no `Choice`, a value out of range, or a region that is not boolean or of another size.
        """
        if not isinstance(choice, Choice):
            raise InputError(f"choice must be a Choice, such as Choice(sensitivity=0.9), not {type(choice).__name__}")
        choice.check()
        keep = None if keep is None else np.asarray(keep)
        if keep is not None and keep.dtype != bool:
            raise InputError(f"keep must be boolean, True = leave alone, not {keep.dtype}: give keep > 0, or keep == 0")
        if keep is not None and keep.shape != self.probability.shape:
            own, size = ("x".join(map(str, array.shape[::-1])) for array in (keep, self.probability))
            raise InputError(f"keep is {own} and the image {size}: they must have the same size")
        hole = dilated(self._detections(choice), choice.dilate)
        if keep is not None:
            hole &= ~keep
        return hole

    def _detections(self, choice: Choice) -> np.ndarray:
        """Connected detections: sure somewhere, and grown to where they are less so."""
        import cv2

        threshold = choice.threshold
        sure = self.probability >= threshold
        if not sure.any():
            return sure
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(
            (self.probability >= GROWN * threshold).astype(np.uint8), connectivity=8
        )
        sizes = np.bincount(labels[sure], minlength=count)
        kept = (sizes > 0) & (boxes[:, cv2.CC_STAT_AREA] >= choice.min_size)
        kept[0] = False
        if choice.tones != "both":
            for label in np.flatnonzero(kept).tolist():
                kept[label] = self._is_pale(labels, label, boxes[label]) == (choice.tones == "pale")
        return kept[labels]

    def _is_pale(self, labels: np.ndarray, label: int, box: np.ndarray) -> bool:
        """Whether a detection is paler than what is around it."""
        left, top, width, height = box[:4].tolist()
        rows = slice(max(0, top - _AROUND), top + height + _AROUND)
        columns = slice(max(0, left - _AROUND), left + width + _AROUND)
        own = labels[rows, columns] == label
        around = dilated(own, _AROUND) & (labels[rows, columns] == 0)
        grey = self.grey[rows, columns]
        return bool(not around.any() or grey[own].mean() >= grey[around].mean())


def dilated(hole: np.ndarray, radius: int) -> np.ndarray:
    """A hole, bool `[H, W]`, widened all around by so many pixels."""
    if not radius:
        return hole
    import cv2

    radius = int(radius)  # of NumPy's small integers neither the negative nor the square fits
    squares = np.arange(-radius, radius + 1) ** 2
    disc = (squares[:, None] + squares <= radius**2).astype(np.uint8)  # OpenCV's ellipses are not as high as wide
    return cv2.dilate(hole.astype(np.uint8), disc).astype(bool)
