"""Film damage laid over photographs: the damaged image, how opaque it is there, and which pixels it changed."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.masks.checks import check_generator, check_range, two_numbers
from pconv_jax.masks.pieces import KINDS, THICKEST, Kind, draw_piece

CLEAN, DAMAGED, UNSEEN = 0, 1, 2
"""Values of `Laid.truth`; damage that changed nothing, such as white on white, and the soft rim of damage are neither
right nor wrong to find."""
LEAST_OPACITY = 0.04
"""Fainter than this, a pixel does not count as damaged."""
LEAST_CHANGE = 5
"""Levels of 255 that a channel must change by for damage to be visible."""
PIECE_EDGE = 0.35
"""Share of the greatest opacity of a piece around a pixel from which on the pixel belongs to it."""
PEAK_REACH = 4
"""How far around, px. Not all of the piece: a real hair is opaque where it is in focus and pale elsewhere."""

_FREQUENCY: dict[Kind, float] = {
    "scratch": 4,
    "bundle": 2,
    "hair": 3,
    "lint": 2,
    "dust": 5,
    "dirt": 3,
    "crease": 1,
    "crack": 2.5,
    "tear": 0.5,
}
_THIN = 2.0  # above 1, thin pieces are more frequent than if their logarithms were uniform
_MOST_PIECES = 10_000
_THICKEST_MAP = 1000  # px, to which one is scaled
_SMALLEST_MAP, _LARGEST_MAP = 0.08, 1.5  # scales of opacity maps
_RIM = 0.25  # of the lines that have an edge of the opposite tone


class Laid(NamedTuple):
    """A photograph with damage laid over it.

    Attributes:
        image: the damaged image, uint8 `[H, W, 3]`.
        opacity: of the damage, float32 `[H, W]` in [0, 1].
        damaged: bool `[H, W]`, the pixels that belong to a piece of damage.
        visible: bool `[H, W]`, those among them that it changed: not white on white.
    """

    image: np.ndarray
    opacity: np.ndarray
    damaged: np.ndarray
    visible: np.ndarray

    @classmethod
    def undamaged(cls, image: np.ndarray) -> "Laid":
        """A photograph, uint8 `[H, W, 3]`, without damage."""
        nothing = np.zeros(image.shape[:2], bool)
        return cls(image, nothing.astype(np.float32), nothing, nothing)

    @property
    def truth(self) -> np.ndarray:
        """What there is to find at each pixel, uint8 `[H, W]`: `CLEAN`, `DAMAGED` or `UNSEEN`."""
        touched = self.damaged | (self.opacity >= LEAST_OPACITY)
        return np.where(self.visible, DAMAGED, np.where(touched, UNSEEN, CLEAN)).astype(np.uint8)


class Canvas:
    """A photograph, and the damage laid over it so far."""

    def __init__(self, image: np.ndarray):
        """Starts with an undamaged photograph, uint8 `[H, W, 3]`."""
        self._before = image
        self._image = image.astype(np.float32)
        self._clear = np.ones(image.shape[:2], np.float32)
        self._damaged = np.zeros(image.shape[:2], bool)

    def lay(self, coverage: np.ndarray, colour: Sequence[float] | np.ndarray, *, opacity: float) -> None:
        """Lays a piece over what is there.

        Args:
            coverage: float32 `[H, W]` in [0, 1], as `draw_piece` returns it.
            colour: of the piece, three values in [0, 1].
            opacity: of its core, in (0, 1].
        """
        rows, columns = (np.flatnonzero(coverage.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return
        place = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        alpha = np.float32(opacity) * coverage[place]
        self._image[place] += alpha[..., None] * (np.float32(255) * np.asarray(colour, np.float32) - self._image[place])
        self._clear[place] *= 1 - alpha
        self._damaged[place] |= belongs(alpha)

    def finished(self) -> Laid:
        """The damaged photograph."""
        change = np.abs(self._image - self._before).max(axis=2)
        image = np.rint(np.clip(self._image, 0, 255)).astype(np.uint8)
        return Laid(image, 1 - self._clear, self._damaged, self._damaged & (change >= LEAST_CHANGE))


def belongs(alpha: np.ndarray) -> np.ndarray:
    """Which pixels belong to a piece of damage, bool `[H, W]`, by its opacity, float32 `[H, W]`."""
    import cv2

    peaks = cv2.dilate(alpha, np.ones((2 * PEAK_REACH + 1,) * 2, np.uint8))
    return (alpha >= LEAST_OPACITY) & (alpha >= PIECE_EDGE * peaks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilmDamage:
    """Random film damage.

    Attributes:
        pieces: fewest and most pieces of damage in an image; both included.
        thickness: thinnest and thickest lines and specks, px; thin ones are more frequent than broad ones. What is
            drawn is 24 px thick at most, and less of some kinds; pieces of opacity maps may have up to 1000.
        opacity: least and greatest opacity of a piece's core; two thirds are within a fifth of the greatest. Tears have
            at least 0.9 whatever is asked for, and the rim beside a line 0.3 to 0.9 of the line's.
        kinds: which kinds of damage.
        maps_share: share of the pieces taken from a folder of opacity maps, where there is one.
    """

    pieces: tuple[int, int] = (1, 8)
    thickness: tuple[float, float] = (1.0, 24.0)
    opacity: tuple[float, float] = (0.05, 1.0)
    kinds: tuple[Kind, ...] = KINDS
    maps_share: float = 0.5

    def check(self, *, with_maps: bool = False) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Args:
            with_maps: whether there are opacity maps, pieces of which may be thicker than what is drawn.

        Raises:
            InputError: naming the value and what it may be.
        """
        if check_range("pieces", self.pieces)[1] > _MOST_PIECES:
            raise InputError(
                f"pieces={self.pieces} must be two whole numbers (low, high) with 1 <= low <= high <= {_MOST_PIECES}"
            )
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise InputError(f"kinds={self.kinds} must be at least one of {', '.join(KINDS)}")
        thin, thick = two_numbers(self.thickness)
        with_maps = with_maps and self.maps_share > 0
        most = _THICKEST_MAP if with_maps else max(THICKEST.values())
        if not 0.5 <= thin <= thick <= most:
            more = "" if with_maps else ", the thickest that is drawn without opacity maps"
            raise InputError(
                f"thickness={self.thickness} must be (low, high) px with 0.5 <= low <= high <= {most:g}{more}"
            )
        drawn = max(THICKEST[kind] for kind in self.kinds)
        if not with_maps and thin > drawn:  # all would be drawn thinner than asked for
            raise InputError(
                f"thickness={self.thickness} begins above {drawn:g} px, the thickest that is drawn of kinds "
                f"{', '.join(self.kinds)}: choose a thinner one, or other kinds"
            )
        faint, opaque = two_numbers(self.opacity)
        if not LEAST_OPACITY <= faint <= opaque <= 1:
            raise InputError(f"opacity={self.opacity} must be (low, high) with {LEAST_OPACITY} <= low <= high <= 1")
        if not 0 <= self.maps_share <= 1:
            raise InputError(f"maps_share={self.maps_share} must be a share, from 0 to 1")

    def __call__(self, rng: np.random.Generator, image: np.ndarray, *, maps: Sequence[np.ndarray] = ()) -> Laid:
        """Damages a photograph.

        Args:
            rng: random generator.
            image: uint8 `[H, W, 3]`.
            maps: opacity maps, uint8 `[h, w]`, 0 = clear and 255 = opaque, to take pieces from as well.

        Returns:
            The damaged photograph; not one pixel need be damaged, where every piece lies beyond a border.

        Raises:
            InputError: no random generator, or another kind of image.
        """
        check_generator(rng)
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise InputError(
                f"an image of {image.dtype} {image.shape} cannot be damaged: give uint8 [H, W, 3], so multiply values "
                "from 0 to 1 by 255, and repeat a single channel three times"
            )
        canvas = Canvas(image)
        height, width = image.shape[:2]
        # Of one image most pieces are alike: what is dust on a negative is pale on all of the print.
        tone = _random_tone(rng)
        typical = self._thickness(rng)
        for _ in range(rng.integers(self.pieces[0], self.pieces[1] + 1)):
            thickness = typical if rng.random() < 0.6 else self._thickness(rng)
            own = tone if rng.random() < 0.75 else _random_tone(rng)
            opacity = self._opacity(rng)
            if len(maps) and rng.random() < self.maps_share:
                chosen = maps[rng.integers(len(maps)).item()]
                canvas.lay(placed_map(rng, chosen, height, width, thickness), own, opacity=opacity)
                continue
            kind = self._kind(rng)
            if kind == "tear":
                opacity = max(opacity, 0.9)  # what is torn off is gone
            if kind == "crack" and rng.random() < 0.5:
                own = _pale(rng)  # of prints: the paper shows
            if kind in ("scratch", "crease", "crack") and rng.random() < _RIM:
                self._lay_with_rim(rng, canvas, kind, (height, width), thickness, own, opacity)
            else:
                canvas.lay(draw_piece(rng, kind, height, width, thickness=thickness), own, opacity=opacity)
        return canvas.finished()

    def _lay_with_rim(
        self,
        rng: np.random.Generator,
        canvas: Canvas,
        kind: Kind,
        size: tuple[int, int],
        thickness: float,
        colour: np.ndarray,
        opacity: float,
    ) -> None:
        """A line with an edge of the opposite tone on one side, as where light falls into a groove."""
        coverage = draw_piece(rng, kind, *size, thickness=thickness)
        shift = np.rint(rng.uniform(-1, 1, 2) * max(1.0, 0.5 * thickness)).astype(int)
        canvas.lay(_shifted(coverage, shift.tolist()), 1 - colour, opacity=opacity * rng.uniform(0.3, 0.9))
        canvas.lay(coverage, colour, opacity=opacity)

    def _kind(self, rng: np.random.Generator) -> Kind:
        weights = np.array([_FREQUENCY[kind] for kind in self.kinds])
        return self.kinds[rng.choice(len(weights), p=weights / weights.sum())]

    def _thickness(self, rng: np.random.Generator) -> float:
        thin, thick = self.thickness
        return thin * (thick / thin) ** (rng.random() ** _THIN)

    def _opacity(self, rng: np.random.Generator) -> float:
        faint, opaque = self.opacity
        return max(faint, opaque * rng.uniform(0.8, 1)) if rng.random() < 2 / 3 else rng.uniform(faint, opaque)


def _random_tone(rng: np.random.Generator) -> np.ndarray:
    """A colour of damage, three values in [0, 1]: half of them pale, a third dark, the rest coloured."""
    chosen = rng.random()
    if chosen >= 0.85:  # where one layer of the film is scratched away
        return np.clip(rng.permutation([rng.uniform(0.6, 1), rng.uniform(0.3, 1), rng.uniform(0, 0.4)]), 0, 1)
    return _tinted(rng, rng.uniform(0.72, 1) if chosen < 0.5 else rng.uniform(0, 0.25))


def _pale(rng: np.random.Generator) -> np.ndarray:
    return _tinted(rng, rng.uniform(0.72, 1))


def _tinted(rng: np.random.Generator, grey: float) -> np.ndarray:
    tint = rng.normal(0, 0.04, 3) if rng.random() < 0.4 else np.zeros(3)
    return np.clip(grey + tint, 0, 1)


def _shifted(coverage: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """Moved by whole pixels down and to the right; nothing comes in."""
    moved = np.zeros_like(coverage)
    to, start = ([slice(max(0, sign * step), None) for step in shift] for sign in (1, -1))
    ends = [max(0, size - abs(step)) for size, step in zip(coverage.shape, shift, strict=True)]
    to, start = ([slice(part.start, part.start + end) for part, end in zip(x, ends, strict=True)] for x in (to, start))
    moved[tuple(to)] = coverage[tuple(start)]
    return moved


def placed_map(
    rng: np.random.Generator, opacities: np.ndarray, height: int, width: int, thickness: float
) -> np.ndarray:
    """Places an opacity map somewhere in an image: turned, mirrored and scaled.

    Args:
        rng: random generator.
        opacities: uint8 `[h, w]`, 0 = clear and 255 = opaque.
        height: H of the image, px.
        width: W of the image, px.
        thickness: of its thickest part afterwards, px, as far as it need not be enlarged by more than half.

    Returns:
        Coverage `[H, W]`, float32 in [0, 1].
    """
    import cv2

    rows, columns = opacities.shape
    core = (opacities >= opacities.max() / 2).astype(np.uint8)  # of pale pieces too
    thickest = 2 * float(cv2.distanceTransform(np.pad(core, 1), cv2.DIST_L2, 3).max())
    scale = min(max(thickness / max(thickest, 1), _SMALLEST_MAP), _LARGEST_MAP)
    angle = rng.uniform(0, 2 * math.pi)
    mirror = rng.choice([-1.0, 1.0])
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    shift = rng.uniform(0, (width, height)) - turn @ (columns / 2, rows / 2)
    if scale < 1:  # what falls between the pixels would be lost
        opacities = cv2.GaussianBlur(opacities, (0, 0), 0.45 / scale)
    matrix = np.hstack([turn, shift[:, None]])
    placed = cv2.warpAffine(opacities, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return placed.astype(np.float32) / np.float32(255)
