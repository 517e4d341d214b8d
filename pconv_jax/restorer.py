"""Restoring images of any size and kind: only what is near the damage is computed.

An image is `[H, W]` (grey), `[H, W, 3]` (RGB) or `[H, W, 4]` (RGB and alpha); uint8, uint16, or floating point in
[0, 1]. A mask is `[H, W]`: 1 or True = valid, 0 or False = hole.
"""

import functools
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax import tiles
from pconv_jax.compiling import compiler_options
from pconv_jax.errors import InputError
from pconv_jax.fill import fill_means, pyramid_fill
from pconv_jax.image_files import luma
from pconv_jax.inpainter import Inpainter, restore
from pconv_jax.models import PyramidGenerator
from pconv_jax.tiles import GRID, Window
from pconv_jax.weights import load_weights, released

DEFAULT_WEIGHTS = "faithful"
MARGIN = 48
"""Context around what a window is used for, px. With the weights that come along, what is further away changes the
result by 0.8 / 255 at most where strokes are up to 24 px wide; by more where little is left between them."""
WINDOWS = (160, 224, 352)
"""Sides of the windows that networks are run on, px: as many programs are compiled at most; as many again for alpha."""
_LEVEL = GRID.bit_length() - 1  # of the pyramid, at which a block of the grid is one pixel
_STRIP = 2**21  # pixels that are looked at together, so that no copy of a large image is needed

Picture = TypeVar("Picture")


class Restorer:
    """Trained weights, ready to restore one image after the other.

    Attributes:
        model: the trained generator.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | Inpainter = DEFAULT_WEIGHTS,
        *,
        windows: Sequence[int] = WINDOWS,
    ):
        """Loads weights.

        Args:
            weights: those that come with the package, by name; a `.safetensors` file; the output folder of a training
                run; or a generator that is loaded already.
            windows: sides of the square windows to compute in, px, ascending: multiples of 16 above 96. Memory and
                time depend on them, and the result hardly, see `MARGIN`; that of partial convolutions does where their
                network sees further than that.

        Raises:
            InputError: there are no such weights, or they cannot be read; or window sizes that are none.
        """
        too_small = 2 * MARGIN
        if not windows or list(windows) != sorted(windows) or any(s % GRID or s <= too_small for s in windows):
            raise InputError(f"windows={tuple(windows)} must ascend and be multiples of {GRID} above {too_small} px")
        self.windows = tuple(windows)
        self.model = _open(weights)

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
        pixels, rebuild = _pixels_of(image)
        hole = _hole_of(mask, pixels.shape[:2])
        return rebuild(self._restore(pixels, hole, progress))

    def _restore(
        self, pixels: np.ndarray, hole: np.ndarray, progress: Callable[[int, int], object] | None
    ) -> np.ndarray:
        """`pixels` [H, W, C] and `hole` [H, W] bool; a new array."""
        _check_pixels(pixels, hole)
        restored = pixels.copy()
        blocks = tiles.occupied(hole)
        if not blocks.any():
            return restored
        if hole.all():
            raise InputError("the mask leaves no valid pixel: there is nothing to restore the image from")
        coarse = _coarse_fill(pixels, hole)
        windows = tiles.cover(blocks, self.windows, MARGIN)
        deepest = 0.0
        for number, window in enumerate(windows):
            deepest = max(deepest, self._restore_window(restored, pixels, hole, coarse, window))
            if progress is not None:
                progress(number + 1, len(windows))
        self._warn_of_width(2 * deepest)
        return restored

    def _restore_window(
        self, restored: np.ndarray, pixels: np.ndarray, hole: np.ndarray, coarse: np.ndarray, window: Window
    ) -> float:
        """Repairs the holes in the core of a window; returns how far the deepest of them is from a valid pixel."""
        import cv2

        part = _cut(pixels, window)
        holes = _cut(hole, window)
        height, width = holes.shape
        values = _to_float(part, holes)
        coarse_part = coarse[window.top // GRID :, window.left // GRID :][: window.size // GRID, : window.size // GRID]
        image, mask, inside, known = (
            _padded(array, side)
            for array, side in (
                (values, window.size),
                (np.float32(1) - holes[..., None], window.size),
                (np.ones((height, width, 1), np.float32), window.size),
                (coarse_part, window.size // GRID),
            )
        )
        output = np.asarray(
            _compiled()(self.model.graph, self.model.params, self.model.stats, image, mask, inside, known)
        )[0]
        (top, bottom), (left, right) = window.rows, window.columns
        rows = slice(top - window.top, min(bottom - window.top, height))
        columns = slice(left - window.left, min(right - window.left, width))
        wanted = holes[rows, columns]
        target = restored[top:bottom, left:right]
        target[wanted] = _from_float(output[rows, columns][wanted], pixels.shape[2], pixels.dtype)
        if holes.all():  # OpenCV would give the largest number that there is
            return window.size / 2
        depth = cv2.distanceTransform(np.pad(holes.astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 3)[1:-1, 1:-1]
        return float(depth[rows, columns].max())

    def _warn_of_width(self, width: float) -> None:
        limit = self.model.thickest_line  # where two lines cross, a hole is 1.4 times as wide
        if limit is not None and width > 1.5 * limit:
            warnings.warn(
                f"holes are about {width:.0f} px across, and these weights were trained on lines up to {limit} px: "
                "the middle of wider ones comes out smooth; a smaller version of the image may look better",
                stacklevel=4,
            )


def inpaint(image: Picture, mask: Any, *, weights: str | os.PathLike[str] | Inpainter = DEFAULT_WEIGHTS) -> Picture:
    """Restores an image with weights that come with the package.

    The weights stay loaded for the next call.

    Args:
        image: as for `Restorer.__call__`.
        mask: as for `Restorer.__call__`: 1 = valid, 0 = hole; of a PIL image white = hole.
        weights: as for `Restorer`.

    Returns:
        The restored image, of the kind, type and shape of `image`; valid pixels are those of `image`, to the bit.

    Raises:
        InputError: kinds, shapes or values that do not fit, or no such weights.
    """
    if isinstance(weights, Inpainter):
        return Restorer(weights)(image, mask)
    path = released().get(str(weights), Path(weights).absolute())
    return _loaded(path, path.stat().st_mtime_ns if path.exists() else 0)(image, mask)


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, changed: int) -> Restorer:
    """Weights by where they are, and when they were written: a replaced file is read again."""
    del changed
    return Restorer(path)


def _open(weights: str | os.PathLike[str] | Inpainter) -> Inpainter:
    if isinstance(weights, Inpainter):
        return weights
    if str(weights) not in released() and os.path.isdir(weights):  # a folder here must not take the place of a name
        return restore(weights)
    found = load_weights(weights)
    return Inpainter(found.config, found.params, found.stats, thickest_line=found.about.get("thickest_line"))


@functools.cache
def _compiled() -> Callable[..., jax.Array]:
    return jax.jit(_repair, static_argnums=0, compiler_options=compiler_options(jax.devices()[0]))


def _repair(
    graph: Any,
    params: nnx.State,
    stats: nnx.State,
    image: jax.Array,
    mask: jax.Array,
    inside: jax.Array,
    coarse: jax.Array,
) -> jax.Array:
    """Output for one window `[1, S, S, C]`, C = 3 or 4, clipped to [0, 1]; a fourth channel is filled smoothly."""
    model = nnx.merge(graph, params, stats, copy=True)
    colours = image[..., :3]
    if isinstance(model, PyramidGenerator):
        output, _ = model(colours, mask, inside=inside, coarse=coarse[..., :3])
        rest = image[..., 3:]
        smooth = pyramid_fill(rest, mask, inside=inside, coarse=coarse[..., 3:]) if rest.shape[-1] else rest
    else:
        # Partial convolutions leave the middle of wide holes empty: the fill takes their place there.
        filled = pyramid_fill(image, mask, inside=inside, coarse=coarse)
        output, valid = model(colours, mask)
        output = jnp.where(valid != 0, output, filled[..., :3])
        smooth = filled[..., 3:]
    return jnp.concatenate([output, smooth], axis=-1).clip(0.0, 1.0)


def _coarse_fill(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The fill of the whole image at a sixteenth of its size: what windows cannot see of wide holes."""
    import cv2

    height, width = hole.shape
    rows, columns = -(-height // GRID), -(-width // GRID)
    channels = 3 + (pixels.shape[2] in (2, 4))
    sums = np.empty((rows, columns, channels), np.float32)
    weights = np.empty((rows, columns, 1), np.float32)
    for strip in _strips(height, width):
        part, holes = pixels[strip], hole[strip]
        below, right = -len(part) % GRID, -width % GRID
        known = np.pad(np.float32(1) - holes, ((0, below), (0, right)))
        values = np.pad(_to_float(part, holes), ((0, below), (0, right), (0, 0)))
        size = (columns, len(known) // GRID)
        place = slice(strip.start // GRID, strip.start // GRID + size[1])
        # Area averages over whole blocks: the means of the pyramid.
        sums[place] = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        weights[place] = cv2.resize(known, size, interpolation=cv2.INTER_AREA)[..., None]
    return fill_means(sums[None], weights[None], np.ones((1, rows, columns, 1), np.float32), None, level=_LEVEL)[0]


def _strips(height: int, width: int) -> Iterator[slice]:
    """Rows of an image, as many at a time as make up few pixels; each strip begins at a multiple of the grid."""
    rows = GRID * max(1, _STRIP // (GRID * width))
    return (slice(top, top + rows) for top in range(0, height, rows))


def _cut(array: np.ndarray, window: Window) -> np.ndarray:
    return array[window.top : window.top + window.size, window.left : window.left + window.size]


def _padded(array: np.ndarray, side: int) -> np.ndarray:
    """`[h, w, C]` to `[1, side, side, C]`, zeros below and to the right."""
    padded = np.zeros((1, side, side, array.shape[2]), np.float32)
    padded[0, : array.shape[0], : array.shape[1]] = array
    return padded


def _to_float(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Values in [0, 1], 0 in holes, as RGB and alpha if there is one: `[H, W, 3]` or `[H, W, 4]`."""
    values = np.zeros(pixels.shape, np.float32)
    np.copyto(values, pixels, casting="unsafe", where=~hole[..., None])  # holes may hold NaN, or what overflows
    if pixels.dtype.kind == "u":
        values /= np.iinfo(pixels.dtype).max
    channels = pixels.shape[2]
    if channels in (1, 2):  # grey, and alpha if there is one
        values = values[..., [0, 0, 0, 1][: 2 + channels]]
    return values


def _from_float(values: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
    """`[P, 3]` or `[P, 4]` in [0, 1] as pixels of a type, `[P, channels]`."""
    if channels in (1, 2):
        values = np.concatenate([values[:, :3].mean(axis=1, keepdims=True), values[:, 3:]], axis=1)
    if dtype.kind == "u":
        values = np.rint(values * np.float32(np.iinfo(dtype).max))
    return values.astype(dtype)


def _pixels_of(image: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """An image as `[H, W, C]`, C from 1 to 4, and what makes the result of the same kind again."""
    if _is_pil(image):
        if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            raise InputError(f"a PIL image of mode {image.mode} cannot be restored: convert it to RGB or L first")
        from PIL import Image

        pixels, info = np.asarray(image), dict(image.info)

        def as_picture(result: np.ndarray) -> Any:
            picture = Image.fromarray(result.reshape(pixels.shape))
            picture.info.update(info)  # colour profile, EXIF, resolution
            return picture

        return pixels.reshape(*pixels.shape[:2], -1), as_picture
    array = np.asarray(image)
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f" and array.dtype != jnp.bfloat16:
        raise InputError(f"an image must be uint8, uint16 or floating point in [0, 1], not {array.dtype}: convert it")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or 0 in array.shape:
        raise InputError(
            f"an image must be [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], channels last, not {array.shape}: "
            "restore one image at a time"
        )
    pixels = array.reshape(*array.shape[:2], -1)
    if isinstance(image, jax.Array):
        return pixels, lambda result: jnp.asarray(result.reshape(array.shape))
    return pixels, lambda result: result.reshape(array.shape)


def _hole_of(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The holes of a mask, bool `[H, W]`."""
    if _is_pil(mask):
        if mask.mode in ("I", "F"):
            raise InputError(
                f"a mask picture of mode {mask.mode} does not say which value is white: give one of mode L"
            )
        hole = luma(mask.copy()) >= 128
    else:
        array = np.asarray(mask)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        hole = array == 0
        if array.dtype != bool and (wrong := ~hole & (array != 1)).any():
            raise InputError(
                f"a mask must hold only 1 (valid) and 0 (hole), but this one holds {array[wrong][0]:g}: of a mask "
                "picture, in which white marks the holes, give `mask < 128`"
            )
    if hole.shape != tuple(shape):
        raise InputError(
            f"the mask has {'x'.join(map(str, hole.shape))} pixels and the image {'x'.join(map(str, shape))}: "
            "they must have one size"
        )
    return hole


def _check_pixels(pixels: np.ndarray, hole: np.ndarray) -> None:
    if pixels.dtype.kind == "u":
        return
    for strip in _strips(*hole.shape):
        part = pixels[strip][~hole[strip]].astype(np.float32)
        if part.size and not (part.min() >= 0 and part.max() <= 1):
            raise InputError(
                f"valid pixels of a floating-point image must lie in [0, 1], but they reach from {part.min():g} to "
                f"{part.max():g}: rescale them, or give uint8"
            )


def _is_pil(image: Any) -> bool:
    # Without an import of Pillow; the formats that plug-ins add have classes of their own.
    return any(kind.__module__.split(".")[0] == "PIL" for kind in type(image).__mro__)
