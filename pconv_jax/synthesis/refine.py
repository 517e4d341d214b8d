"""Refines images that were inpainted by any method."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import jax
import numpy as np
from numpy.typing import ArrayLike

from pconv_jax.common.errors import InputError
from pconv_jax.common.memory import advising_on_memory
from pconv_jax.imaging.arrays import check_inpainted, check_pixels, from_float, hole_from, pixels_of, to_float
from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.limits import brief
from pconv_jax.models.vgg import VGG16, deepest
from pconv_jax.models.vgg_weights import resolve_weights
from pconv_jax.synthesis.scales import refine_window, steps_of, window_parts
from pconv_jax.synthesis.settings import DEFAULT_SETTINGS, SynthesisSettings
from pconv_jax.synthesis.windows import Window, choose_windows

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = TypeVar("Picture", bound="np.ndarray | jax.Array | Image")


class NothingToCopyError(InputError):
    """A hole leaves no patch outside of it."""


def open_vgg(spec: str, settings: SynthesisSettings) -> VGG16:
    """VGG weights for the synthesis, as a command line names them.

    Args:
        spec: a file of VGG16 or VGG19, or "download" for the published VGG16.
        settings: the layers that are needed.

    Returns:
        The weights.

    Raises:
        InputError: "random"; a file that is missing, of another network or without the layers.
    """
    if spec == "random":
        raise InputError(
            "--vgg-weights random cannot refine anything, since untrained features would make noise: give download or "
            "a file of VGG16 or VGG19"
        )
    layer = deepest(settings.layers, network="VGG19")
    return resolve_weights(spec, seed=0, through=layer, networks=("VGG16", "VGG19"), offer_random=False)


def refine(
    inpainted: Picture,
    mask: "ArrayLike | Image | None" = None,
    *,
    vgg: VGG16,
    hole: "ArrayLike | Image | None" = None,
    settings: SynthesisSettings = DEFAULT_SETTINGS,
    allow_untrained: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Picture:
    """Refines the holes of an inpainted image with texture from around them: multi-scale neural patch synthesis.

    Window by window; what one has refined counts as image for the next. In each, at every scale, the pixels of the hole
    are moved by L-BFGS such that each 3x3 patch of VGG features which meets the hole comes close to the nearest one
    that does not, while they stay close to the start and smooth.

    Args:
        inpainted: the composite of any method: the image where it is valid, the method's output in the holes. Of the
            kinds and shapes that `Inpainter` takes.
        mask: `[H, W]` or `[H, W, 1]` of numbers, 1 = valid, 0 = hole.
        vgg: trained weights with the layers of `settings`, from `pconv_jax.models.vgg_weights.load_vgg_weights`.
        hole: instead of `mask`: bool of such a shape, True = damage, to be refined.
        settings: weights, scales, time; by default those of docs/synthesis.md.
        allow_untrained: take random weights too: for tests, since what comes out is noise.
        progress: called with the number of steps done and of all, a step being a search for nearest patches and the
            descent that follows it.

    Returns:
        The refined image, of the kind, type and shape of `inpainted`. Outside the hole it is equal to it, to the bit;
        so is an alpha channel. Colours where alpha is 0 are not copied from.

    Raises:
        InputError: kinds, shapes or values that do not fit; no weights, random ones or ones without a layer; settings
            that make no sense; a hole around which no patch is left to copy.
        MemoryError: the device has too little memory for a window.

    References:
        Yang et al., High-Resolution Image Inpainting using Multi-Scale Neural Patch Synthesis, CVPR 2017,
        arXiv 1611.09969.
    """
    settings.check()
    if not isinstance(vgg, VGG16):
        raise InputError(
            f"vgg={brief(vgg)} is no VGG16: read a file with `pconv_jax.models.vgg_weights.load_vgg_weights`"
        )
    deepest(settings.layers, network=vgg.network)  # only to raise its errors now
    if not (vgg.trained or allow_untrained):
        raise InputError(
            f"the VGG weights are {vgg.source}, and refining with them would make noise: give a file of trained weights"
        )
    pixels, rebuild = pixels_of(inpainted)
    found = hole_from(mask, hole, pixels.shape[:2])
    check_pixels(pixels, found)
    check_inpainted(pixels, found)
    refined = pixels.copy()
    with advising_on_memory("leave the refinement out, or set JAX_PLATFORMS=cpu to do without a GPU"):
        _refine_pixels(refined, found, vgg, settings, progress or (lambda done, total: None))
    result: Picture = rebuild(refined)
    return result


def _refine_pixels(
    pixels: np.ndarray,
    hole: np.ndarray,
    vgg: VGG16,
    settings: SynthesisSettings,
    progress: Callable[[int, int], object],
) -> None:
    """Refines `pixels` [H, W, C] in place."""
    windows = list(choose_windows(hole, settings))
    hidden = _hidden(pixels, hole)
    _check_candidates(windows, hole | hidden, settings)
    colours = 1 if pixels.shape[2] < 3 else 3
    total, done = len(windows) * steps_of(settings), 0
    left = hole | hidden  # without what earlier windows have refined

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    for window in windows:
        place = (window.rows, window.columns)
        part = pixels[place]
        start = to_float(part, np.zeros(part.shape[:2], bool))[..., :colours]
        if hidden[place].any():
            start = pyramid_fill(start[None], ~hidden[place][None, ..., None])[0].astype(np.float32)
        parts = window_parts(start, window.core, left[place], settings)
        result = refine_window(parts, vgg, settings, progress=step)[: part.shape[0], : part.shape[1]]
        part[window.core, :colours] = from_float(result[window.core], colours, part.dtype)
        left[place] &= ~window.core


def _hidden(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Where alpha is 0 outside of the hole, bool `[H, W]`: colours that do not show are not to be copied."""
    if pixels.shape[2] in (1, 3):
        return np.zeros_like(hole)
    hidden = ~hole & (pixels[..., -1] == 0)
    return hidden if (~hole & ~hidden).any() else np.zeros_like(hole)  # of an image that never shows, any will do


def _check_candidates(windows: Sequence[Window], unknown: np.ndarray, settings: SynthesisSettings) -> None:
    """Refuses windows that will have nothing to copy, before the first is refined."""
    left = unknown.copy()
    for window in windows:
        place = (window.rows, window.columns)
        height, width = window.core.shape
        whole = window_parts(np.zeros((height, width, 1), np.float32), window.core, left[place], settings)[-1]
        if not whole.roles:
            raise NothingToCopyError(
                f"the hole leaves no 3x3 patch of {' or '.join(settings.layers)} to copy in the {width}x{height} px at "
                f"row {window.rows.start}, column {window.columns.start}: use a smaller mask, or leave the refinement "
                "out"
            )
        left[place] &= ~window.core
