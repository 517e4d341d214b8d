"""Methods whose results are refined by the synthesis before they are scored."""

import dataclasses
import warnings

import numpy as np

from pconv_jax.evaluation.composites import make_composite
from pconv_jax.evaluation.methods import hash_arrays
from pconv_jax.evaluation.scoring import NamedMethod
from pconv_jax.models.vgg import VGG16
from pconv_jax.synthesis.refine import NothingToCopyError, refine
from pconv_jax.synthesis.settings import SynthesisSettings

SUFFIX = " + synthesis"


def refined_method(method: NamedMethod, vgg: VGG16, settings: SynthesisSettings) -> NamedMethod:
    """A method followed by the synthesis.

    Args:
        method: any method.
        vgg: weights with the layers of `settings`.
        settings: of the synthesis.

    Returns:
        A method named "NAME + synthesis". It returns composites. One whose hole leaves nothing to copy stays as it is,
        with a warning.
    """

    def refined(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        output = method.method(images.copy(), masks.copy())
        composites = np.clip(make_composite(images, masks, output), 0, 1).astype(np.float32)
        return np.stack([_refined(*pair, vgg, settings) for pair in zip(composites, masks == 0, strict=True)])

    own = {"synthesis": dataclasses.asdict(settings), "vgg_sha256": hash_arrays(vgg.params), "vgg": vgg.preprocessing}
    return NamedMethod(method.name + SUFFIX, refined, {**method.identity, **own})


def _refined(composite: np.ndarray, hole: np.ndarray, vgg: VGG16, settings: SynthesisSettings) -> np.ndarray:
    try:
        return refine(composite, hole=hole, vgg=vgg, settings=settings)
    except NothingToCopyError:
        warnings.warn(
            "some holes leave nothing to copy: their images are scored as they are without the synthesis", stacklevel=2
        )
        return composite
