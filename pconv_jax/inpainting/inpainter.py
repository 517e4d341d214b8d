"""Restoring images of any size and kind: only what is near the damage is computed.

An image is `[H, W]` (grey), `[H, W, 3]` (RGB) or `[H, W, 4]` (RGB and alpha); uint8, uint16, or floating point in
[0, 1]. A mask is `[H, W]`: 1 or True = valid, 0 or False = hole.
"""

import functools
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS, released
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.checkpoints.weights_file import load_weights
from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.imaging.arrays import check_pixels, from_float, hole_of, pixels_of, strips, to_float
from pconv_jax.inpainting import windows as tiles
from pconv_jax.inpainting.windows import GRID, Window
from pconv_jax.models import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.fill import fill_means, pyramid_fill

MARGIN = 32
"""Context around what a window is used for, px. With the weights that come along, what is further away changes the
result by 2.6 / 255 at most, and by more than 1 / 255 in one of 100,000 values (240 random masks with strokes of 1 to
24 px, on 16 photographs and textures)."""
BROAD_MARGIN = 48
"""The same where holes are broad. With 32 px it would be 5 / 255 there."""
BROAD = 7
"""Holes are broad where a square of this side fits into them, px: strokes from 7 to 10 px on, by their direction."""
WINDOWS = (96, 128, 176, 256, 384)
"""Sides of the windows that networks are run on, px. One program is compiled for each that is needed; another one for
images with alpha."""
_AT_ONCE = 4  # windows, so that all cores are busy while one of them is cut or pasted, or at what only one core does
_LEVEL = GRID.bit_length() - 1  # of the pyramid, at which a block of the grid is one pixel

Picture = TypeVar("Picture")


class Inpainter:
    """Trained weights, ready to restore one image after the other.

    Windows are computed in threads of their own: what is set for JAX by a `with` statement does not reach them.

    Attributes:
        model: the trained generator.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | TrainedGenerator = DEFAULT_WEIGHTS,
        *,
        windows: Sequence[int] = WINDOWS,
    ):
        """Loads weights.

        Args:
            weights: those that come with the package, by name; a `.safetensors` file; the output folder of a training
                run; or a generator that is loaded already.
            windows: sides of the square windows to compute in, px, ascending: multiples of 16 above 64, the largest
                above 96. Memory and time depend on them, and the result hardly, see `MARGIN`; that of partial
                convolutions does where their network sees further than that.

        Raises:
            InputError: there are no such weights, or they cannot be read; their network has too many resolutions for
                windows; or window sizes that are none.
        """
        if (
            not windows
            or list(windows) != sorted(windows)
            or any(size % GRID or size <= 2 * MARGIN for size in windows)
            or windows[-1] <= 2 * BROAD_MARGIN
        ):
            raise InputError(
                f"windows={tuple(windows)} must ascend and be multiples of {GRID} above {2 * MARGIN} px, "
                f"the last one above {2 * BROAD_MARGIN} px"
            )
        self.windows = tuple(windows)
        self.model = _open(weights)
        config = self.model.config
        if isinstance(config, FillCorrectingConfig) and GRID % config.multiple:
            raise InputError(
                f"a network of {len(config.widths)} resolutions cannot be run in windows: train one of at most {_LEVEL}"
            )

    def __call__(self, image: Picture, mask: Any, *, progress: Callable[[int, int], object] | None = None) -> Picture:
        """Restores an image.

        Args:
            image: the damaged image: a NumPy or JAX array `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]`, uint8,
                uint16 or floating point in [0, 1]; or a PIL image of mode L, LA, RGB, RGBA or I;16. What lies in holes
                does not matter.
            mask: `[H, W]` or `[H, W, 1]` of 0 = hole and 1 = valid, or bool; or a PIL image, which is a picture of the
                mask as in files: **white = hole**.
            progress: called with the number of windows done, and of all windows.

        Returns:
            The restored image, of the kind, type and shape of `image`. Valid pixels are those of `image`, to the bit.
            Alpha is continued smoothly into holes.

        Raises:
            InputError: kinds, shapes or values that do not fit; a mask without a valid pixel.
        """
        pixels, rebuild = pixels_of(image)
        hole = hole_of(mask, pixels.shape[:2])
        return rebuild(self._restore(pixels, hole, progress))

    def _restore(
        self, pixels: np.ndarray, hole: np.ndarray, progress: Callable[[int, int], object] | None
    ) -> np.ndarray:
        """`pixels` [H, W, C] and `hole` [H, W] bool; a new array."""
        check_pixels(pixels, hole)
        restored = pixels.copy()
        if not hole.any():
            return restored
        if hole.all():
            raise InputError("the mask leaves no valid pixel: there is nothing to restore the image from")
        coarse = _coarse_fill(pixels, hole)
        windows = choose_windows(hole, self.windows)
        deepest = 0.0
        # Numbers apart from what they belong to: that takes a millisecond, too long for each window.
        numbers, structure = jax.tree.flatten((self.model.params, self.model.stats))
        network = functools.partial(_compiled(self.model.graph, structure), numbers)
        repair = functools.partial(self._restore_window, network, pixels, hole, coarse)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            for number, (own, new, depth) in enumerate(pool.map(repair, windows)):
                restored[own] = new
                deepest = max(deepest, depth)
                if progress is not None:
                    progress(number + 1, len(windows))
        finally:  # after Ctrl-C too, when the windows that are computed have ended
            pool.shutdown(cancel_futures=True)
        self._warn_of_width(2 * deepest)
        return restored

    def _restore_window(
        self,
        network: Callable[..., jax.Array],
        pixels: np.ndarray,
        hole: np.ndarray,
        coarse: np.ndarray,
        window: Window,
    ) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray, float]:
        """Rows and columns that a window repairs, what they become, and how far a valid pixel is from them at most."""
        import cv2

        part, holes = _cut(pixels, window), _cut(hole, window)
        image, mask, inside = (_placed(array, window) for array in (to_float(part, holes), ~holes, np.ones_like(holes)))
        output = np.asarray(network(image, mask, inside, _placed(_cut(coarse, window, GRID), window, GRID)))[0]
        top, left = (max(0, -first) for first in (window.top, window.left))  # of the image in the window
        own = window.blocks.repeat(GRID, 0).repeat(GRID, 1)[top:, left:][: len(holes), : holes.shape[1]] & holes
        rows, columns = np.nonzero(own)
        new = from_float(output[rows + top - MARGIN, columns + left - MARGIN], pixels.shape[2], pixels.dtype)
        if holes.all():  # OpenCV would give the largest number that there is
            depth = window.size / 2
        else:
            around = np.pad(holes.astype(np.uint8), 1, mode="edge")
            depth = float(cv2.distanceTransform(around, cv2.DIST_L2, 3)[1:-1, 1:-1][own].max())
        return (rows + max(0, window.top), columns + max(0, window.left)), new, depth

    def _warn_of_width(self, width: float) -> None:
        limit = self.model.thickest_line  # where two lines cross, a hole is 1.4 times as wide
        if limit is not None and width > 1.5 * limit:
            warnings.warn(
                f"holes are about {width:.0f} px across, and these weights were trained on lines up to {limit} px: "
                "the middle of wider ones comes out smooth; a smaller version of the image may look better",
                stacklevel=4,
            )


def choose_windows(hole: np.ndarray, sizes: Sequence[int]) -> list[Window]:
    """The windows that an image is restored in.

    Args:
        hole: bool `[H, W]`.
        sizes: sides of the windows to choose from, ascending, px.

    Returns:
        The windows, those around broad holes first.
    """
    blocks, broad = tiles.occupied(hole), tiles.broad(hole, BROAD)
    blocks &= ~broad
    windows = tiles.cover(broad, [size for size in sizes if size > 2 * BROAD_MARGIN], BROAD_MARGIN)
    for window in windows:
        window.take(blocks, MARGIN)
    return windows + tiles.cover(blocks, sizes, MARGIN)


def inpaint(
    image: Picture, mask: Any, *, weights: str | os.PathLike[str] | TrainedGenerator = DEFAULT_WEIGHTS
) -> Picture:
    """Restores an image with weights that come with the package.

    The weights stay loaded for the next call.

    Args:
        image: as for `Inpainter.__call__`.
        mask: as for `Inpainter.__call__`: 1 = valid, 0 = hole; of a PIL image white = hole.
        weights: as for `Inpainter`.

    Returns:
        The restored image, of the kind, type and shape of `image`; valid pixels are those of `image`, to the bit.

    Raises:
        InputError: kinds, shapes or values that do not fit, or no such weights.
    """
    if isinstance(weights, TrainedGenerator):
        return Inpainter(weights)(image, mask)
    path = released().get(str(weights), Path(weights).absolute())
    return _loaded(path, path.stat().st_mtime_ns if path.exists() else 0)(image, mask)


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, changed: int) -> Inpainter:
    """Weights by where they are, and when they were written: a replaced file is read again."""
    del changed
    return Inpainter(path)


def _open(weights: str | os.PathLike[str] | TrainedGenerator) -> TrainedGenerator:
    if isinstance(weights, TrainedGenerator):
        return weights
    if str(weights) not in released() and os.path.isdir(weights):  # a folder here must not take the place of a name
        return load_run(weights)
    found = load_weights(weights)
    return TrainedGenerator(found.config, found.params, found.stats, thickest_line=found.about.get("thickest_line"))


@functools.lru_cache(maxsize=8)
def _compiled(graph: Any, structure: Any) -> Callable[..., jax.Array]:
    options = compiler_options(jax.devices()[0])
    repair = functools.partial(_repair, graph, structure)
    return jax.jit(repair, compiler_options=options)


def _repair(
    graph: Any,
    structure: Any,
    numbers: list[jax.Array],
    image: jax.Array,
    mask: jax.Array,
    inside: jax.Array,
    coarse: jax.Array,
) -> jax.Array:
    """Output for one window without `MARGIN`, `[1, S - 2 MARGIN, S - 2 MARGIN, C]`, C = 3 or 4, clipped to [0, 1].

    A fourth channel is filled smoothly.
    """
    model = nnx.merge(graph, *jax.tree.unflatten(structure, numbers), copy=True)
    colours, inner = image[..., :3], slice(MARGIN, -MARGIN)
    if isinstance(model, FillCorrectingGenerator):
        output, _ = model(colours, mask, inside=inside, coarse=coarse[..., :3], margin=MARGIN)
        rest = image[..., 3:]
        smooth = pyramid_fill(rest, mask, inside=inside, coarse=coarse[..., 3:]) if rest.shape[-1] else rest
        smooth = smooth[:, inner, inner]
    else:
        # Partial convolutions leave the middle of wide holes empty: the fill takes their place there.
        filled = pyramid_fill(image, mask, inside=inside, coarse=coarse)
        # They take what lies beyond the image for a hole and fill it too. Where the window ends with the image they see
        # zeros around it, as in training.
        shift = jnp.stack([_overhang(inside[0, ..., 0].max(axis)) for axis in (1, 0)])
        output, valid = model(*(jnp.roll(x, shift, (1, 2)) for x in (colours, mask)))
        output, valid = (jnp.roll(x, -shift, (1, 2)) for x in (output, valid))
        output = jnp.where(valid != 0, output, filled[..., :3])[:, inner, inner]
        smooth = filled[:, inner, inner, 3:]
    return jnp.concatenate([output, smooth], axis=-1).clip(0.0, 1.0)


def _overhang(inside: jax.Array) -> jax.Array:
    """Along one axis: how far a window would have to be moved to begin, or else to end, with the image."""
    before, after = jnp.argmax(inside), jnp.argmax(inside[::-1])
    return jnp.where(before > 0, -before, after)


def _coarse_fill(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The fill of the whole image at a sixteenth of its size, where all is hole there: windows cannot see enough."""
    import cv2

    height, width = hole.shape
    rows, columns = -(-height // GRID), -(-width // GRID)
    channels = 3 + (pixels.shape[2] in (2, 4))
    if not tiles.lost(hole).any():
        return np.zeros((rows, columns, channels), np.float32)
    sums = np.empty((rows, columns, channels), np.float32)
    weights = np.empty((rows, columns, 1), np.float32)
    for strip in strips(height, width, multiple=GRID):
        part, holes = pixels[strip], hole[strip]
        known, values = (
            cv2.copyMakeBorder(array, 0, -len(part) % GRID, 0, -width % GRID, cv2.BORDER_CONSTANT, value=0)
            for array in (np.float32(1) - holes, to_float(part, holes))
        )
        size = (columns, len(known) // GRID)
        place = slice(strip.start // GRID, strip.start // GRID + size[1])
        # Area averages over whole blocks: the means of the pyramid.
        sums[place] = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        weights[place] = cv2.resize(known, size, interpolation=cv2.INTER_AREA)[..., None]
    return fill_means(sums[None], weights[None], np.ones((1, rows, columns, 1), np.float32), None, level=_LEVEL)[0]


def _cut(array: np.ndarray, window: Window, unit: int = 1) -> np.ndarray:
    """What a window sees of an image whose pixels are `unit` px wide."""
    rows, columns = (slice(max(0, first) // unit, (first + window.size) // unit) for first in (window.top, window.left))
    return array[rows, columns]


def _placed(part: np.ndarray, window: Window, unit: int = 1) -> np.ndarray:
    """The way back: `[h, w]` or `[h, w, C]` to float32 `[1, S, S, C]`, zeros beyond the image."""
    part = np.atleast_3d(part)
    whole = np.zeros((1, window.size // unit, window.size // unit, part.shape[2]), np.float32)
    top, left = (max(0, -first) // unit for first in (window.top, window.left))
    whole[0, top:, left:][: part.shape[0], : part.shape[1]] = part
    return whole
