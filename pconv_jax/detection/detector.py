"""Looks for damage in images of any size and kind, window by window."""

import functools
import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.bundled import DEFAULT_DETECTOR, bundled_detectors
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import IF_DEVICE_IS_FULL, advising_on_memory
from pconv_jax.common.paths import times_of_change
from pconv_jax.common.programs import KeptPrograms, program_of_network
from pconv_jax.common.xla_options import QUICK_PIXELS
from pconv_jax.detection.damage_map import DamageMap
from pconv_jax.detection.enlarged import SCALE, combined, enlarged
from pconv_jax.imaging.arrays import pixels_of, to_float
from pconv_jax.imaging.linear import GAMMA, white_level
from pconv_jax.imaging.masks import LUMA

if TYPE_CHECKING:
    from PIL.Image import Image

    from pconv_jax.checkpoints.detector_file import TrainedDetector
    from pconv_jax.checkpoints.remembered import RememberedDetector

MARGIN = 64
"""Least context around the core of a window, px. With the bundled detector, windows of 512 px and one that holds all of
the picture differ in 5 of 100,000 pixels of the mask, all near the borders of cores (five photographs of 0.2 megapixels
with drawn damage)."""
WINDOWS = (256, 512, 768, 1280)
"""Sides of the square windows, px. An image is looked at in windows of one side, that with which least is computed."""

_AT_ONCE = 2  # windows in progress
_WHITE = 99.9  # percentile of values linear in light that is seen as white: damage is brighter than the photograph


class _Window(NamedTuple):
    """Where a window begins, px, which may lie beyond the image, and its side."""

    top: int
    left: int
    side: int


class Detector:
    """A trained damage detector, ready for one image of any size and kind after the other.

    Attributes:
        network: the trained network.
        best: whether every window is looked at enlarged as well.
    """

    def __init__(
        self,
        network: "TrainedDetector | RememberedDetector",
        *,
        best: bool = False,
        programs: KeptPrograms | None = None,
    ):
        """Takes a trained network.

        Args:
            network: the trained network.
            best: look at every window once more, enlarged and mirrored, which finds more damage at as many false
                alarms, in somewhat more than three times the time.
            programs: where compiled programs are kept, for a process that looks at a single image; by default they are
                kept where JAX keeps them.

        Raises:
            InputError: a network whose windows would have to begin at other multiples, or be larger.
        """
        if MARGIN % network.config.multiple:
            raise InputError(
                f"a detector of {len(network.config.widths)} resolutions needs windows at multiples of "
                f"{network.config.multiple} px, and they begin at multiples of {MARGIN} px: train one with fewer"
            )
        self.network, self.best, self._programs = network, best, programs
        multiple = network.config.multiple * (2 if best else 1)  # so that margins stay multiples when enlarged
        self._margin = math.ceil(max(MARGIN, network.config.context) / multiple) * multiple
        if 2 * self._margin >= WINDOWS[-1]:
            raise InputError(
                f"a detector with blocks={network.config.blocks} sees {self._margin} px around what it looks at, which "
                f"a window of {WINDOWS[-1]} px cannot hold: train one with fewer"
            )

    @classmethod
    def from_pretrained(cls, weights: str | os.PathLike[str] = DEFAULT_DETECTOR, *, best: bool = False) -> Self:
        """Loads a bundled detector, or a file of weights.

        Args:
            weights: name of a bundled detector, or a `.safetensors` file that `python -m experiments.export` wrote.
            best: as for `Detector`.

        Returns:
            The detector.

        Raises:
            InputError: no such weights, or they cannot be read.
        """
        from pconv_jax.checkpoints.detector_file import load_detector  # with Flax: see `load_remembered_detector`

        prepare_jax()
        return cls(load_detector(weights), best=best)

    def __call__(
        self,
        image: "ArrayLike | Image",
        *,
        linear: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> DamageMap:
        """Looks for damage.

        Args:
            image: a NumPy or JAX array `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]`, uint8, uint16 or floating
                point in [0, 1]; or a PIL image. Alpha is not looked at; where it is 0, nothing is found.
            linear: whether the values are linear in light, as in raw scans; then they are seen through a gamma curve.
            progress: called with the number of windows done, and of all windows.

        Returns:
            The map of the damage.

        Raises:
            InputError: a kind, shape or values that do not fit.
            MemoryError: the device has too little memory for a window.
        """
        prepare_jax(keep_programs=self._programs is None)
        pixels, _ = pixels_of(image)
        height, width = pixels.shape[:2]
        probability, opacity = (np.zeros((height, width), np.float32) for _ in range(2))
        found = DamageMap(probability, opacity, np.zeros((height, width), np.uint8))
        windows = _windows(height, width, self._margin)
        area = sum(window.side**2 for window in windows) * (1 + SCALE**2 if self.best else 1)
        quick = self._programs is not None and area < QUICK_PIXELS
        top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
        white = white_level(pixels, _WHITE) / top or 1.0 if linear else None
        look = functools.partial(self._look, self._network(quick=quick), pixels, white, found)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            with advising_on_memory(IF_DEVICE_IS_FULL):
                for done, _ in enumerate(pool.map(look, windows), 1):
                    if progress is not None:
                        progress(done, len(windows))
        finally:  # after Ctrl-C too, when the windows that are computed have ended
            pool.shutdown(cancel_futures=True)
        return found

    def _network(self, *, quick: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """What looks at a window `[H, W, 3]`, a function of it and of where it is inside: the output of the core."""
        plain = self._program(self._margin, quick=quick)
        if not self.best:
            return plain
        larger = self._program(round(SCALE * self._margin), quick=quick)
        return lambda image, inside: combined(plain(image, inside), larger(*enlarged(image, inside)))

    def _program(self, margin: int, *, quick: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        build = functools.partial(self.network.program, margin, quick=quick)
        name = f"detector {self.network.config} {margin} {quick}"
        program = program_of_network(name, build, self.network.leaves, self._programs)
        return lambda image, inside: np.asarray(program(image[None], inside[None]))[0]

    def _look(
        self,
        network: Callable[[np.ndarray, np.ndarray], np.ndarray],
        pixels: np.ndarray,
        white: float | None,
        found: DamageMap,
        window: _Window,
    ) -> None:
        """Fills in what one window finds."""
        image = np.zeros((window.side, window.side, 3), np.float32)
        inside = np.zeros((window.side, window.side, 1), np.float32)
        rows, columns = (slice(max(0, first), first + window.side) for first in (window.top, window.left))
        part = pixels[rows, columns]
        hidden = part[..., -1] == 0 if part.shape[2] in (2, 4) else np.zeros(part.shape[:2], bool)
        values = to_float(part, hidden)[..., :3]
        if not (values.min() >= 0 and values.max() <= 1):  # NaN too
            raise InputError("pixels of a floating-point image must lie in [0, 1]: rescale them, or give uint8")
        if white is not None:
            values = np.clip(values / np.float32(white), 0, 1) ** np.float32(1 / GAMMA)
        top, left = (max(0, -first) for first in (window.top, window.left))
        image[top:, left:][: part.shape[0], : part.shape[1]] = values
        inside[top:, left:][: part.shape[0], : part.shape[1]] = ~hidden[..., None]  # its edge is not damage
        output = network(image, inside)
        if not np.isfinite(output).all():  # nothing would be found there
            raise InputError("the detector returns NaN: its weights are damaged or its training diverged")
        # Of the core: the window without its margin, as far as it lies in the image.
        first_row, first_column = window.top + self._margin, window.left + self._margin
        core = output[: pixels.shape[0] - first_row, : pixels.shape[1] - first_column]
        place = np.s_[first_row : first_row + core.shape[0], first_column : first_column + core.shape[1]]
        hidden = hidden[first_row - rows.start :, first_column - columns.start :][: core.shape[0], : core.shape[1]]
        found.probability[place] = np.where(hidden, 0, core[..., 0])
        found.opacity[place] = core[..., 1]
        seen = values[first_row - rows.start :, first_column - columns.start :][: core.shape[0], : core.shape[1]]
        found.grey[place] = np.rint(255 * (seen @ LUMA))


def detect(
    image: "ArrayLike | Image",
    *,
    weights: str | os.PathLike[str] = DEFAULT_DETECTOR,
    best: bool = False,
    linear: bool = False,
) -> DamageMap:
    """Looks for scratches, hairs and creases with the bundled detector, or another; it stays loaded for the next call.

    Args:
        image: as for `Detector`.
        weights: name of a bundled detector, or a `.safetensors` file.
        best: as for `Detector`.
        linear: as for `Detector`.

    Returns:
        The map of the damage; `.hole()` is what `inpaint(image, hole=...)` takes.

    Raises:
        InputError: as for `Detector`.
    """
    path = bundled_detectors().get(str(weights), Path(weights).absolute())
    return _loaded(os.fspath(weights), best, path, times_of_change(path))(image, linear=linear)


@functools.lru_cache(maxsize=2)
def _loaded(weights: str, best: bool, path: Path, dates: tuple[int, ...]) -> Detector:
    """Cached by path and time of change, so that a replaced file is read again."""
    del path, dates
    return Detector.from_pretrained(weights, best=best)


def _windows(height: int, width: int, margin: int) -> list[_Window]:
    """Windows whose cores cover an image, side by side; those with which least is computed, rather few than many."""
    choices = [_windows_of(side, height, width, margin) for side in WINDOWS if side > 2 * margin]
    return min(choices, key=lambda windows: (len(windows) * windows[0].side ** 2, len(windows)))


def _windows_of(side: int, height: int, width: int, margin: int) -> list[_Window]:
    core = side - 2 * margin
    places = itertools.product(range(0, height, core), range(0, width, core))
    return [_Window(top - margin, left - margin, side) for top, left in places]
