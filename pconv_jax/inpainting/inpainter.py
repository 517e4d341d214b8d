"""Inpainting images of any size and kind: only what is near the damage is computed."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self, TypeVar, cast

import jax
import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import IF_DEVICE_IS_FULL, advising_on_memory
from pconv_jax.common.programs import KeptPrograms
from pconv_jax.common.threads import in_threads
from pconv_jax.common.xla_options import QUICK_PIXELS
from pconv_jax.imaging.arrays import check_pixels, hole_from, pixels_of
from pconv_jax.imaging.linear import through_curve
from pconv_jax.inpainting.flat import KeptFlat
from pconv_jax.inpainting.grey import kept_grey
from pconv_jax.inpainting.half_transparent import keep_detail as with_detail
from pconv_jax.inpainting.known_holes import warn_of_other_holes
from pconv_jax.inpainting.parts import area_of, each_kind_first, near, region_of
from pconv_jax.inpainting.remembered_windows import RememberedWindows
from pconv_jax.inpainting.specks import Speck, batch_size, batches, find_specks
from pconv_jax.inpainting.window_pass import WindowPass
from pconv_jax.inpainting.windows import (
    BROAD_MARGIN,
    GRID,
    MARGIN,
    PROGRAM,
    WINDOWS,
    FullWindow,
    Window,
    choose_windows,
)
from pconv_jax.models.limits import brief

if TYPE_CHECKING:
    from PIL.Image import Image

    from pconv_jax.checkpoints.remembered import RememberedGenerator
    from pconv_jax.checkpoints.trained import TrainedGenerator

_AT_ONCE = 4  # windows in progress, so that all cores are busy while one of them is cut out or pasted

Picture = TypeVar("Picture", bound="np.ndarray | jax.Array | Image")


class Inpainter:
    """A trained generator, ready to inpaint one image of any size and kind after the other.

    Windows are computed in threads of their own, which settings of JAX in a `with` statement do not reach.

    Attributes:
        generator: the trained generator.
        windows: sides of the windows to compute in, px.
        best: whether outputs are averaged over the symmetries of each window.
    """

    def __init__(
        self,
        generator: "TrainedGenerator | RememberedGenerator",
        *,
        windows: Sequence[int] = WINDOWS,
        best: bool = False,
        few_sizes: bool = False,
        programs: KeptPrograms | None = None,
    ):
        """Takes a trained generator.

        Args:
            generator: the trained generator.
            windows: sides of the square windows to compute in, px, ascending: multiples of 16 above 64, the largest
                above 96. Memory and time depend on them. The result hardly does (see `windows.MARGIN`), unless a
                network of partial convolutions sees further than that margin.
            best: average the network's output over the eight mirror images and quarter turns of each window: a little
                closer to the original, in eight times the time (self-ensemble; Timofte et al., CVPR 2016).
            few_sizes: use fewer sizes of windows, and so of programs, for images in which little more is computed with
                them: for a process that inpaints few images, in which programs take most of the time.
            programs: where compiled programs are kept, for a process that inpaints a single image. By default they are
                kept where JAX keeps them.

        Raises:
            InputError: window sizes that make no sense, or a network that cannot be run in windows.
        """
        if not hasattr(generator, "leaves"):
            raise InputError(
                f"an Inpainter takes a TrainedGenerator, not {type(generator).__name__}: give that, or use "
                "Inpainter.from_pretrained(NAME or FILE) or Inpainter.from_run(FOLDER)"
            )
        sizes = [size.item() if isinstance(size, np.generic) else size for size in np.atleast_1d(windows)]
        if (
            not sizes
            or not all(isinstance(size, int) for size in sizes)
            or sizes != sorted(sizes)
            or any(size % GRID or size <= 2 * MARGIN for size in sizes)
            or sizes[-1] <= 2 * BROAD_MARGIN
        ):
            raise InputError(
                f"windows={brief(tuple(sizes))} must ascend and be multiples of {GRID} above {2 * MARGIN} px, "
                f"the last one above {2 * BROAD_MARGIN} px"
            )
        if GRID % generator.config.window_multiple:
            raise InputError(
                f"a network of widths={generator.config.widths} needs windows at multiples of "
                f"{generator.config.window_multiple} px, and they begin at multiples of {GRID} px: train one with "
                "fewer resolutions"
            )
        # The command alone passes one that is remembered, which has fewer attributes.
        self.generator = cast("TrainedGenerator", generator)
        self.windows = tuple(sizes)
        self.best = best
        self._programs = programs
        self._program = PROGRAM // (8 if best else 1) if few_sizes else 0

    @classmethod
    def from_pretrained(
        cls,
        weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
        *,
        windows: Sequence[int] = WINDOWS,
        best: bool = False,
    ) -> Self:
        """Loads bundled weights, or a file of weights.

        Args:
            weights: name of bundled weights, or a `.safetensors` file that `python -m experiments.export` wrote.
            windows: as for `Inpainter`.
            best: as for `Inpainter`.

        Returns:
            The inpainter.

        Raises:
            InputError: no such weights, or they cannot be read.
        """
        from pconv_jax.checkpoints.weights_file import load_generator_weights  # with Flax: see `load_remembered`

        prepare_jax()
        return cls(load_generator_weights(weights), windows=windows, best=best)

    @classmethod
    def from_run(
        cls,
        directory: str | os.PathLike[str],
        *,
        step: int | None = None,
        windows: Sequence[int] = WINDOWS,
        best: bool = False,
    ) -> Self:
        """Loads the generator of a training run from its Orbax checkpoints.

        Args:
            directory: output folder of `python -m experiments.run`, or its folder of checkpoints.
            step: which checkpoint; by default the best by validation, or the latest if none was validated.
            windows: as for `Inpainter`.
            best: as for `Inpainter`.

        Returns:
            The inpainter.

        Raises:
            InputError: no checkpoint there, or it cannot be read, or this version cannot build its generator.
        """
        from pconv_jax.checkpoints.trained import load_run

        prepare_jax()
        return cls(load_run(directory, step=step), windows=windows, best=best)

    def __call__(
        self,
        image: Picture,
        mask: "ArrayLike | Image | None" = None,
        *,
        hole: "ArrayLike | Image | None" = None,
        linear: bool = False,
        keep_detail: bool = False,
        progress: Callable[[int, int], object] | None = None,
        region: tuple[slice, slice] | None = None,
        reached: np.ndarray | None = None,
        remembered: RememberedWindows | None = None,
    ) -> Picture:
        """Inpaints an image.

        Args:
            image: the damaged image: a NumPy or JAX array `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]`, uint8,
                uint16 or floating point in [0, 1]; or a PIL image of mode L, LA, RGB, RGBA, I;16 or I;16B. What lies in
                holes does not matter, but for `keep_detail`.
            mask: `[H, W]` or `[H, W, 1]` of numbers, 0 = hole and 1 = valid.
            hole: instead of `mask`: bool of such a shape, True = damage. A PIL image under either name is a picture of
                the damage as in files: **white = hole**.
            linear: whether the values are linear in light, as in raw scans; then it is computed through a gamma curve.
            keep_detail: whether detail that shows through half-transparent damage is kept; see `half_transparent`.
            progress: called with the number of windows done, and of all windows; a batch of specks counts as one.
            region: rows and columns, px, with step 1: only windows and specks with holes there are inpainted, and other
                holes stay as they are. By default all of the image.
            reached: bool `[H, W]`, which becomes True where holes are inpainted: with a region, not everywhere.
            remembered: windows of an earlier call with other holes, which need not be computed again; those of this
                call are added. One for each image.

        Returns:
            The inpainted image, of the kind, type and shape of `image`; an array of the other byte order comes back
            with its values in that of this machine. Valid pixels are those of `image`, to the bit. Alpha is continued
            smoothly into holes, and colours from where it is not 0. Of 8 and 16 bits, the network is shown faded
            and dark images stretched (see `tones`) and noisy ones smoothed (see `noise`), printed screens and hatching
            are continued by waves (see `fine_patterns`), holes in even surroundings stay even, and those of an image
            whose valid pixels are all grey become grey.

        Raises:
            InputError: kinds, shapes or values that do not fit; a boolean `mask`; not exactly one of `mask` and `hole`;
                a PIL image that is stored rotated; no valid pixel; a region that is not two slices.
            MemoryError: the device has too little memory for a window.

        Warns:
            WideHolesWarning: holes are wider than the weights were trained for, or lines where they were trained for
                regions; once for all of the image.
        """
        if keep_detail and region is not None:
            raise InputError("keep_detail=True needs all holes inpainted: leave region out")
        pixels, rebuild = pixels_of(image)
        found = hole_from(mask, hole, pixels.shape[:2])
        region = None if region is None else region_of(region, found.shape)
        reached = np.zeros(found.shape, bool) if reached is None else reached
        if (getattr(reached, "shape", None), getattr(reached, "dtype", None)) != (found.shape, bool):
            raise InputError(f"reached must be a NumPy array, bool {found.shape}: it is written to")

        def restore(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
            return self._inpaint(pixels, hole, progress, region, reached, remembered)

        if linear:
            check_pixels(pixels, found)
            inpainted = through_curve(restore, pixels, found)
        else:
            inpainted = restore(pixels, found)
        if keep_detail:  # without the curve: through a veil light is added to light
            inpainted = with_detail(inpainted, pixels, found)
        # Not in floating point, of which the published scores are: of grey photographs among others.
        inpainted = kept_grey(inpainted, pixels, found)
        if region is not None:  # outside of it neither the curve nor the grey counts
            left = found & ~reached
            inpainted[left] = pixels[left]
        result: Picture = rebuild(inpainted)
        return result

    def _runs_whole(self, shape: tuple[int, ...]) -> bool:
        """Whether an image is small enough to be run whole, by a network for which that is better."""
        config = self.generator.config
        most = self.windows[-1]
        if config.image_size is not None:  # larger images would lose too much when they are resized to it
            most = min(most, 2 * config.image_size)
        return not config.exact_windows and max(shape) <= most

    def _inpaint(
        self,
        pixels: np.ndarray,
        hole: np.ndarray,
        progress: Callable[[int, int], object] | None,
        region: tuple[slice, slice] | None,
        reached: np.ndarray,
        remembered: RememberedWindows | None,
    ) -> np.ndarray:
        """`pixels` [H, W, C] and `hole` [H, W] bool; a new array."""
        prepare_jax(keep_programs=self._programs is None)
        check_pixels(pixels, hole)
        inpainted = pixels.copy()
        if not hole.any():
            return inpainted
        if hole.all():
            raise InputError("all of the image is hole: there is no valid pixel to inpaint it from")
        specks: list[Speck] = []
        windows: Sequence[Window | FullWindow]
        if self._runs_whole(hole.shape):
            windows = [FullWindow(hole)]
        else:
            # Transparent pixels show no colour, and a patch can be full of them.
            apart = pixels.shape[2] in (1, 3) and self.generator.config.image_size is None
            specks, rest = find_specks(hole) if apart else ([], hole)
            windows = choose_windows(rest, self.windows, program=self._program)
        if region is not None:
            windows = [window for window in windows if near(window, region)]
            specks = [speck for speck in specks if near(speck, region)]
        work = each_kind_first([*windows, *batches(specks)])
        quick = self._programs is not None and area_of(work) * (8 if self.best else 1) < QUICK_PIXELS
        inpaint_part = WindowPass(
            self.generator,
            pixels,
            hole,
            best=self.best,
            batch=batch_size(specks),
            programs=self._programs,
            quick=quick,
            remembered=remembered,
        )
        kept_flat = KeptFlat(pixels, hole) if pixels.dtype.kind == "u" else None  # published scores are of floats
        deepest = 0.0
        with advising_on_memory(IF_DEVICE_IS_FULL), in_threads(inpaint_part, work, at_once=_AT_ONCE) as computed:
            for done, inpainted_parts in enumerate(computed, 1):
                for part in inpainted_parts:
                    values = kept_flat(part.pixels, part.rows, part.columns) if kept_flat else part.pixels
                    inpainted[part.rows, part.columns] = values
                    reached[part.rows, part.columns] |= hole[part.rows, part.columns]
                    deepest = max(deepest, part.depth)
                if progress is not None:
                    progress(done, len(work))
        warn_of_other_holes(self.generator, 2 * deepest, min(hole.shape))
        return inpainted
