"""One window, refined from its smallest scale to its own size."""

from collections.abc import Callable

import numpy as np

from pconv_jax.models.vgg import VGG16
from pconv_jax.synthesis.descent import descend
from pconv_jax.synthesis.objective import Part
from pconv_jax.synthesis.patches import patch_roles
from pconv_jax.synthesis.settings import SynthesisSettings, pools_of


def window_parts(start: np.ndarray, core: np.ndarray, hole: np.ndarray, settings: SynthesisSettings) -> list[Part]:
    """The window at every scale, the smallest first.

    A pixel of a smaller scale is the mean of those that it stands for, and in the hole if any of them is. Sides that
    are not multiples of `settings.grid` are padded by mirroring; no patch may be copied from the padding.

    Args:
        start: `[H, W, C]` float32 in [0, 1].
        core: bool `[H, W]`: the pixels to refine.
        hole: bool `[H, W]`: all pixels of holes that are not refined yet: the core, and others.
        settings: scales and layers.

    Returns:
        A part for each scale; without a layer where it has nothing to copy.
    """
    margins = [(0, -side % settings.grid) for side in hole.shape]
    start = np.pad(start, [*margins, (0, 0)], mode="symmetric")
    core, hole = np.pad(core, margins), np.pad(hole, margins, constant_values=True)
    parts = []
    for scale in range(settings.scales):
        if scale:
            start = _blocks(start).mean(axis=(1, 3))
            core, hole = (np.asarray(_blocks(pixels).any(axis=(1, 3))) for pixels in (core, hole))
        found = {name: patch_roles(core, hole, 2 ** pools_of(name)) for name in settings.layers}
        usable = {name: roles for name, roles in found.items() if roles.candidates.any() and roles.targets.any()}
        parts.append(Part(start, core[..., None].astype(np.float32), usable))
    return parts[::-1]


def steps_of(settings: SynthesisSettings) -> int:
    """How often `refine_window` reports progress."""
    return settings.scales * -(-settings.iterations // settings.match_every)


def refine_window(
    parts: list[Part], vgg: VGG16, settings: SynthesisSettings, *, progress: Callable[[], object]
) -> np.ndarray:
    """Refines a window: what changes at one scale is enlarged and added to the start of the next.

    Args:
        parts: from `window_parts`.
        vgg: the weights.
        settings: iterations and weights.
        progress: called after every search of nearest patches and the steps that follow it.

    Returns:
        `[H, W, C]` of the largest part, in [0, 1]; outside the core the start.
    """
    import cv2

    change = np.zeros_like(parts[0].start)
    for part in parts:
        height, width = part.start.shape[:2]
        change = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR).reshape(part.start.shape)
        image = np.clip(part.start + part.hole * change, 0, 1)
        for done in range(0, settings.iterations, settings.match_every):
            steps = min(settings.match_every, settings.iterations - done)
            image = np.asarray(descend(vgg, image, part, steps=steps, settings=settings).image)
            progress()
        change = image - part.start
    return image


def _blocks(pixels: np.ndarray) -> np.ndarray:
    """2x2 pixels together: `[H, W, ...]` to `[H / 2, 2, W / 2, 2, ...]`."""
    height, width = pixels.shape[:2]
    return pixels.reshape(height // 2, 2, width // 2, 2, *pixels.shape[2:])
