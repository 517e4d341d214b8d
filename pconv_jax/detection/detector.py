"""Looks for damage in images of any size and kind, window by window."""

import functools
import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.bundled import DEFAULT_DETECTOR, bundled_detectors, named_place
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import IF_DEVICE_IS_FULL, advising_on_memory
from pconv_jax.common.paths import times_of_change
from pconv_jax.common.programs import KeptPrograms, program_of_network
from pconv_jax.common.threads import in_threads
from pconv_jax.common.xla_options import QUICK_PIXELS
from pconv_jax.detection.damage_map import DamageMap
from pconv_jax.detection.looks import SCALE, combined, doubled, enlarged, less_sure, log_odds, surer
from pconv_jax.detection.seen import Halved, Seen, Whole
from pconv_jax.detection.softness import softness
from pconv_jax.detection.windows import LARGEST, MARGIN, Shown, Window, choose_windows, cut_out, sides
from pconv_jax.imaging.arrays import pixels_of
from pconv_jax.imaging.masks import LUMA

if TYPE_CHECKING:
    from PIL.Image import Image

    from pconv_jax.checkpoints.detector_file import TrainedDetector
    from pconv_jax.checkpoints.remembered import RememberedDetector

_AT_ONCE = 2  # windows in progress

_Network = Callable[[Shown], np.ndarray]
"""From what it is shown of a window to the output of the window's core, `[core, core, 2]`."""


class Detector:
    """A trained damage detector, ready for one image of any size and kind after the other.

    Attributes:
        network: the trained network.
        best: whether everything is looked at enlarged, and at half its size, as well.
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
            best: look at everything three times, also enlarged and at half its size, which finds more damage, at
                about a third more false alarms, in about four times the time.
            programs: where compiled programs are kept, for a process that looks at a single image; by default they are
                kept where JAX keeps them.

        Raises:
            InputError: a network whose windows would have to begin at other multiples, or be larger.
        """
        if not hasattr(network, "leaves"):
            raise InputError(
                f"a Detector takes a trained network, not {type(network).__name__}: use "
                "Detector.from_pretrained(NAME or FILE)"
            )
        if MARGIN % network.config.multiple:
            raise InputError(
                f"a detector of {len(network.config.widths)} resolutions needs windows at multiples of "
                f"{network.config.multiple} px, and they begin at multiples of {MARGIN} px: train one with fewer"
            )
        self.network, self.best, self._programs = network, best, programs
        multiple = network.config.multiple * (2 if best else 1)  # so that margins stay multiples when enlarged
        needed = max(MARGIN, network.config.context)
        self._margin = math.ceil(needed / multiple) * multiple
        # Enlarged, fewer pixels of the image are as much context.
        self._margin_enlarged = math.ceil(needed / SCALE / multiple) * multiple
        self._scale = SCALE if best else 1
        if not sides(self._margin, self._scale):
            raise InputError(
                f"a detector with blocks={network.config.blocks} sees {self._margin} px around what it looks at, which "
                f"a window of {LARGEST} px cannot hold{' enlarged' if best else ''}: train one with fewer"
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
        seen: Seen = Whole(pixels, linear=linear)
        probability, opacity = (np.zeros(seen.shape, np.float32) for _ in range(2))
        found = DamageMap(probability, opacity, np.zeros(seen.shape, np.uint8))
        windows = choose_windows(*seen.shape, self._margin, scale=self._scale)
        quick = self._programs is not None and sum((self._scale * each.side) ** 2 for each in windows) < QUICK_PIXELS
        soft = [softness(seen)]  # and that of each half
        halves = [Halved(seen)] if self.best or soft[0] else []
        while soft[-1]:
            soft.append(softness(halves[-1]))
            halves += [Halved(halves[-1])] if soft[-1] else []
        half_windows = [choose_windows(*half.shape, self._margin) for half in halves]
        number, count = itertools.count(1), sum(map(len, half_windows)) + len(windows)

        def step() -> None:
            if progress is not None:
                progress(next(number), count)

        plain = self._program(self._margin, quick=quick)
        larger = self._program(round(SCALE * self._margin_enlarged), quick=quick) if self.best else None
        smaller = self._look_at_halves(halves, soft, half_windows, plain, step)

        def look(window: Window) -> None:
            cut = cut_out(seen, window, self._margin)
            output = plain(cut.shown)
            at_half = None if smaller is None else doubled(smaller, cut.place)
            if larger is not None and at_half is not None:
                closer = enlarged(cut.shown.without(self._margin - self._margin_enlarged))
                output = combined(output, larger(closer), at_half)
            if soft[0] and at_half is not None:
                output = surer(output, less_sure(at_half, soft[0]))
            height, width = cut.shows.shape
            found.probability[cut.place] = np.where(cut.shows, output[:height, :width, 0], 0)
            found.opacity[cut.place] = output[:height, :width, 1]
            found.grey[cut.place] = np.rint(255 * (cut.values @ LUMA))

        _run(look, windows, step)
        return found

    def _program(self, margin: int, *, quick: bool) -> _Network:
        build = functools.partial(self.network.program, margin, quick=quick)
        name = f"detector {self.network.config} {margin} {quick}"
        program = program_of_network(name, build, self.network.leaves, self._programs)

        def network(shown: Shown) -> np.ndarray:
            output = program(shown.image[None], shown.inside[None])[0]
            if not np.isfinite(output).all():  # nothing would be found there
                raise InputError("the detector returns NaN: its weights are damaged or its training diverged")
            return output

        return network

    def _look_at_halves(
        self,
        halves: list[Halved],
        soft: list[float],
        windows: list[list[Window]],
        network: _Network,
        step: Callable[[], None],
    ) -> np.ndarray | None:
        """The log-odds of damage at half the size, by that look and smaller ones; the lists become empty."""
        smaller: np.ndarray | None = None
        while halves:
            half = halves.pop()
            odds = self._look_at_half(half, windows.pop(), network, step)
            if smaller is not None:
                at_half = doubled(smaller, (slice(0, half.shape[0]), slice(0, half.shape[1])))
                odds = np.maximum(odds, less_sure(at_half, soft[len(halves) + 1]))
            smaller = odds
        return smaller

    def _look_at_half(
        self, half: Seen, windows: list[Window], network: _Network, step: Callable[[], None]
    ) -> np.ndarray:
        """The log-odds of damage in an image at half its size, float32 `[h, w]`."""
        odds = np.zeros(half.shape, np.float32)

        def look(window: Window) -> None:
            cut = cut_out(half, window, self._margin)
            height, width = cut.shows.shape
            odds[cut.place] = log_odds(np.where(cut.shows, network(cut.shown)[:height, :width, 0], 0))

        _run(look, windows, step)
        return odds


def detect(
    image: "ArrayLike | Image",
    *,
    weights: str | os.PathLike[str] = DEFAULT_DETECTOR,
    best: bool = False,
    linear: bool = False,
) -> DamageMap:
    """Looks for scratches, hairs, creases and cracks with the bundled detector, or another, which stays loaded.

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
    path = named_place(weights, bundled_detectors(), kind="detector").absolute()
    return _loaded(os.fspath(weights), best, path, times_of_change(path))(image, linear=linear)


@functools.lru_cache(maxsize=2)
def _loaded(weights: str, best: bool, path: Path, dates: tuple[int, ...]) -> Detector:
    """Cached by path and time of change, so that a replaced file is read again."""
    del path, dates
    return Detector.from_pretrained(weights, best=best)


def _run(look: Callable[[Window], None], windows: list[Window], step: Callable[[], None]) -> None:
    """Looks at all windows, some at a time."""
    with advising_on_memory(IF_DEVICE_IS_FULL), in_threads(look, windows, at_once=_AT_ONCE) as looks:
        for _ in looks:
            step()
