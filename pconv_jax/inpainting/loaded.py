"""Inpainting with weights that stay loaded for the next call."""

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS, bundled_weights, named_place
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.paths import times_of_change
from pconv_jax.inpainting.inpainter import Inpainter, Picture

if TYPE_CHECKING:
    from PIL.Image import Image


def inpaint(
    image: Picture,
    mask: "ArrayLike | Image | None" = None,
    *,
    hole: "ArrayLike | Image | None" = None,
    weights: str | os.PathLike[str] = DEFAULT_WEIGHTS,
    linear: bool = False,
    best: bool = False,
    keep_detail: bool = False,
) -> Picture:
    """Inpaints an image with bundled weights, or others; they stay loaded for the next call.

    Args:
        image: a NumPy or JAX array `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]`, uint8, uint16 or floating point
            in [0, 1]; or a PIL image. What lies in holes does not matter, but for `keep_detail`.
        mask: `[H, W]` or `[H, W, 1]` of numbers, 1 = valid, 0 = hole.
        hole: instead of `mask`: bool of such a shape, True = damage. A PIL image under either name is a picture of the
            damage: white = hole.
        weights: name of bundled weights, a `.safetensors` file, or the output folder of a training run.
        linear: whether the values are linear in light, as in raw scans; then it is computed through a gamma curve.
        best: a little closer to the original, in eight times the time; see `Inpainter`.
        keep_detail: whether detail that shows through half-transparent damage is kept.

    Returns:
        The inpainted image, of the kind, type and shape of `image`; valid pixels are those of `image`, to the bit.

    Raises:
        InputError: kinds, shapes or values that do not fit; a boolean `mask`; not exactly one of `mask` and `hole`; no
            such weights.
    """
    return loaded_inpainter(weights, best=best)(image, mask, hole=hole, linear=linear, keep_detail=keep_detail)


def loaded_inpainter(weights: str | os.PathLike[str], *, best: bool = False) -> Inpainter:
    """An inpainter with weights that are loaded once, and again when their file or checkpoint changes.

    Args:
        weights: as for `inpaint`.
        best: as for `inpaint`.

    Returns:
        The inpainter.

    Raises:
        InputError: no such weights, or they cannot be read.
    """
    path = named_place(weights, bundled_weights(), kind="weights").absolute()
    # A new checkpoint changes the date of the folder that it is in.
    return _loaded(str(weights), path, times_of_change(path, path / "checkpoints"), best)


@functools.lru_cache(maxsize=2)
def _loaded(weights: str, path: Path, dates: tuple[int, ...], best: bool) -> Inpainter:
    """Cached by path and times of change, so that a replaced file or a new checkpoint is read again."""
    from pconv_jax.checkpoints.weights_file import load_generator

    del path, dates
    prepare_jax()
    return Inpainter(load_generator(weights), best=best, few_sizes=True)
