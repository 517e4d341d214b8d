"""The pass of a network over the windows and specks of one image: cut out, inpainted, their new pixels returned."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.checkpoints.checks import check_output, in_range
from pconv_jax.common.programs import KeptPrograms, program_of_network
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.imaging.arrays import from_float, to_float
from pconv_jax.inpainting.coarse import coarse_fill
from pconv_jax.inpainting.fine_patterns import Places, by_frequencies, continues_better
from pconv_jax.inpainting.noise import smoothed, white_noise
from pconv_jax.inpainting.remembered_windows import RememberedWindows
from pconv_jax.inpainting.specks import BATCH, PATCH, PATCH_MARGIN, Speck
from pconv_jax.inpainting.symmetries import mean_over_symmetries
from pconv_jax.inpainting.tones import Stretch, tones_around
from pconv_jax.inpainting.windows import GRID, MARGIN, FullWindow, Window
from pconv_jax.models.fill import pyramid_fill

if TYPE_CHECKING:
    from pconv_jax.checkpoints.remembered import RememberedGenerator
    from pconv_jax.checkpoints.trained import TrainedGenerator


class InpaintedPixels(NamedTuple):
    """The inpainted pixels of one window.

    Attributes:
        rows: `[P]`, where its pixels belong in the image.
        columns: `[P]`.
        pixels: `[P, C]`, of the type of the image.
        depth: how far a valid pixel is from them at most, px.
    """

    rows: np.ndarray
    columns: np.ndarray
    pixels: np.ndarray
    depth: float


class WindowPass:
    """Inpaints the windows of one image."""

    def __init__(
        self,
        generator: "TrainedGenerator | RememberedGenerator",
        pixels: np.ndarray,
        hole: np.ndarray,
        *,
        best: bool = False,
        batch: int = BATCH,
        programs: KeptPrograms | None = None,
        quick: bool = False,
        remembered: RememberedWindows | None = None,
    ):
        """Prepares what all windows share.

        Args:
            generator: the trained generator.
            pixels: `[H, W, C]`, C from 1 to 4; uint8, uint16, or floating point in [0, 1].
            hole: bool `[H, W]`, True = hole.
            best: average the output over the eight mirror images and quarter turns of each window.
            batch: patches of specks that are computed at once, so that there is one program; no batch has more.
            programs: where compiled programs are kept; by default, where JAX keeps them.
            quick: whether programs are to be compiled soon rather than to run fast.
            remembered: windows that need not be computed again, and where those that are computed are kept.
        """
        # Flattened once: it takes a millisecond, too long for each window.
        leaves = generator.leaves

        def network(margin: int) -> Callable[..., np.ndarray]:
            def build() -> Callable[..., jax.Array]:
                return _compiled(generator.graph, generator.structure, margin, quick)

            return program_of_network(f"window {generator.config} {margin} {quick}", build, leaves, programs)

        self._networks = {margin: network(margin) for margin in (0, MARGIN, PATCH_MARGIN)}
        self._pixels, self._hole, self._best, self._batch = pixels, hole, best, batch
        self._remembered = remembered
        self._unseen = _without_colour(pixels, hole)
        self._coarse = coarse_fill(pixels, self._unseen)
        if pixels.shape[2] in (2, 4) and self._unseen is not hole:
            self._coarse[..., 3:] = coarse_fill(pixels, hole)[..., 3:]
        # Published scores are of floating point, and of the network alone.
        self._is_photograph = generator.config.exact_windows and pixels.dtype.kind == "u"
        self._draws_texture = generator.draws_texture
        self._noise = white_noise(pixels, self._unseen) if self._is_photograph else 0.0
        self._tones = tones_around(pixels, self._unseen) if self._is_photograph else None
        if self._tones is not None:
            rows, columns = (slice(0, side) for side in self._coarse.shape[:2])
            self._coarse = self._tones.stretch(rows, columns, unit=GRID).do(self._coarse)

    def __call__(self, part: Window | FullWindow | list[Speck]) -> list[InpaintedPixels]:
        """Inpaints one window, the whole image, or a batch of specks."""
        if isinstance(part, FullWindow):
            return [self._whole()]
        return [self._window(part)] if isinstance(part, Window) else self._specks(part)

    def _whole(self) -> InpaintedPixels:
        seen = self._seen(self._pixels, self._hole, self._unseen)
        image, mask = (array[None].astype(np.float32) for array in seen)
        inside, coarse = np.ones((1, *self._hole.shape, 1), np.float32), self._coarse[None]
        rows, columns = np.nonzero(self._hole)

        def compute() -> np.ndarray:
            return self._as_pixels(self._output(self._networks[0], image, mask, inside, coarse)[0][rows, columns])

        pixels = self._from_memory((image, mask, inside, coarse, self._hole), compute)
        return InpaintedPixels(rows, columns, pixels, _depth(self._hole, self._hole))

    def _from_memory(self, seen: tuple[np.ndarray, ...], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """What was computed of the same before, if it was."""
        return compute() if self._remembered is None else self._remembered(seen, compute)

    def _window(self, window: Window) -> InpaintedPixels:
        part, holes = _cut(self._pixels, window), _cut(self._hole, window)
        stretch = self._stretch(max(0, window.top), max(0, window.left), holes.shape)
        seen = self._seen(part, holes, _cut(self._unseen, window), stretch)
        image, mask, inside = (_placed(array, window) for array in (*seen, np.ones_like(holes)))
        coarse = _placed(_cut(self._coarse, window, GRID), window, GRID)
        top, left = (max(0, -first) for first in (window.top, window.left))  # of the image in the window
        own = window.blocks.repeat(GRID, 0).repeat(GRID, 1)[top:, left:][: len(holes), : holes.shape[1]] & holes
        rows, columns = np.nonzero(own)

        def network(image: np.ndarray, mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
            output = self._output(self._networks[MARGIN], image, mask, inside, coarse)[0]
            return output[rows + top - MARGIN, columns + left - MARGIN]

        def with_fewer(valid: np.ndarray, places: Places) -> np.ndarray:
            fewer = mask.copy()
            fewer[..., :1] *= _placed(valid, window)
            return network(image * fewer[..., :1], fewer, *places)[:, :3]

        def compute() -> np.ndarray:
            new = network(image, mask, rows, columns)
            values, valid = seen[0][..., :3], seen[1][..., 0] > 0
            down, across = (slice(max(0, MARGIN - start), window.size - MARGIN - start) for start in (top, left))
            if self._is_photograph and continues_better(values, valid, own, with_fewer, within=(down, across)):
                new = np.column_stack([by_frequencies(values, valid, (rows, columns)), new[:, 3:]])
            return self._as_pixels(new if stretch is None else stretch.undo(new, rows, columns))

        return InpaintedPixels(
            rows + max(0, window.top),
            columns + max(0, window.left),
            self._from_memory((image, mask, inside, coarse, own, *(stretch or ())), compute),
            window.size / 2 if holes.all() else _depth(holes, own),
        )

    def _specks(self, specks: list[Speck]) -> list[InpaintedPixels]:
        patches = [speck.patch for speck in specks]
        image, mask, inside = (np.zeros((self._batch, PATCH, PATCH, channels), np.float32) for channels in (3, 1, 1))
        stretches: list[Stretch | None] = []
        for index, patch in enumerate(patches):
            here = tuple(slice(max(0, side.start), side.stop) for side in patch)
            part, holes, unseen = (array[here] for array in (self._pixels, self._hole, self._unseen))
            stretches.append(self._stretch(here[0].start, here[1].start, holes.shape))
            seen = self._seen(part, holes, unseen, stretches[-1])
            top, left = (max(0, -side.start) for side in patch)  # of the image in the patch
            place = np.s_[index, top : top + len(seen[0]), left : left + seen[0].shape[1]]
            image[place], mask[place], inside[place] = *seen, 1
        shape = (self._batch, PATCH // GRID, PATCH // GRID, self._coarse.shape[2])
        coarse = np.zeros(shape, np.float32)  # never looked at
        parts = []
        outputs = self._output(self._networks[PATCH_MARGIN], image, mask, inside, coarse)
        for speck, patch, stretch, output in zip(specks, patches, stretches, outputs, strict=False):
            rows, columns = np.nonzero(self._hole[speck.box])
            rows, columns = rows + speck.top, columns + speck.left
            new = output[rows - patch[0].start - PATCH_MARGIN, columns - patch[1].start - PATCH_MARGIN]
            if stretch is not None:
                new = stretch.undo(new, rows - max(0, patch[0].start), columns - max(0, patch[1].start))
            parts.append(InpaintedPixels(rows, columns, self._as_pixels(new), max(speck.height, speck.width) / 2))
        return parts

    def _stretch(self, top: int, left: int, size: tuple[int, ...]) -> Stretch | None:
        """The stretch of tones of a part of the image of a height and width, from a place on; None if there is none."""
        if self._tones is None:
            return None
        return self._tones.stretch(slice(top, top + size[0]), slice(left, left + size[1]))

    def _seen(
        self, part: np.ndarray, holes: np.ndarray, unseen: np.ndarray, stretch: Stretch | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a network is shown of a part of the image: floating point, and its mask `[h, w, 1 or 2]`."""
        masks = [~holes] if part.shape[2] in (1, 3) else [~unseen, ~holes]
        values = to_float(part, unseen)
        if self._noise:
            values = smoothed(values, unseen, self._noise, brightness=not self._draws_texture)
        return values if stretch is None else stretch.do(values, unseen=unseen), np.dstack(masks)

    def _as_pixels(self, output: np.ndarray) -> np.ndarray:
        """Output `[P, C]` as pixels of the image's type, checked."""
        check_output(output)
        return from_float(output, self._pixels.shape[2], self._pixels.dtype)

    def _output(self, network: Callable[..., np.ndarray], *seen: np.ndarray) -> np.ndarray:
        """A network's output for windows, or its mean over their symmetries."""
        return mean_over_symmetries(network, seen) if self._best else network(*seen)


def _depth(holes: np.ndarray, own: np.ndarray) -> float:
    import cv2

    around = np.pad(holes.astype(np.uint8), 1, mode="edge")
    return float(cv2.distanceTransform(around, cv2.DIST_L2, 3)[1:-1, 1:-1][own].max())


@functools.lru_cache(maxsize=16)
def _compiled(graph: Any, structure: Any, margin: int, quick: bool) -> Callable[..., jax.Array]:
    options = compiler_options(jax.devices()[0], quick=quick)
    return jax.jit(functools.partial(_inpaint_window, graph, structure, margin), compiler_options=options)


def _inpaint_window(
    graph: Any,
    structure: Any,
    margin: int,
    numbers: list[jax.Array],
    image: jax.Array,
    mask: jax.Array,
    inside: jax.Array,
    coarse: jax.Array,
) -> jax.Array:
    """Output for windows without their margin, `[N, S - 2 margin, S - 2 margin, C]`, C = 3 or 4, clipped to [0, 1].

    A fourth channel is filled smoothly; the mask then has two: where the colours are known, and where the fourth is.
    """
    from flax import nnx  # takes half as long as JAX to import; a program that is kept needs none of it

    from pconv_jax.models.residual_unet import crop_margin

    model = nnx.merge(graph, *jax.tree.unflatten(structure, numbers), copy=True)
    output = model.window(image[..., :3], mask[..., :1], inside=inside, coarse=coarse[..., :3], margin=margin)
    if image.shape[-1] > 3:
        smooth = pyramid_fill(image[..., 3:], mask[..., 1:], inside=inside, coarse=coarse[..., 3:])
        output = jnp.concatenate([output, crop_margin(smooth, margin)], axis=-1)
    return in_range(output)


def _without_colour(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Where an image shows no colour, bool `[H, W]`: in holes, and where alpha is 0, whatever is stored there."""
    if pixels.shape[2] in (1, 3):
        return hole
    unseen = hole | (pixels[..., -1] == 0)
    return hole if unseen.all() or (unseen == hole).all() else unseen  # of colours that never show, any will do


def _cut(array: np.ndarray, window: Window, unit: int = 1) -> np.ndarray:
    """What a window sees of an image whose pixels are `unit` px wide."""
    rows, columns = (slice(max(0, first) // unit, (first + window.size) // unit) for first in (window.top, window.left))
    return array[rows, columns]


def _placed(part: np.ndarray, window: Window, unit: int = 1) -> np.ndarray:
    """The inverse of `_cut`: `[h, w]` or `[h, w, C]` to float32 `[1, S, S, C]`, zeros beyond the image."""
    part = np.atleast_3d(part)
    whole = np.zeros((1, window.size // unit, window.size // unit, part.shape[2]), np.float32)
    top, left = (max(0, -first) // unit for first in (window.top, window.left))
    whole[0, top:, left:][: part.shape[0], : part.shape[1]] = part
    return whole
