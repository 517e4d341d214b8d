"""A perceptual distance for evaluation: how far apart two images look to VGG16.

Images are [N, H, W, 3] float RGB in [0, 1]. It runs on any VGG16, and its name says on which; LPIPS and FID are
metrics by particular weights, in `lpips` and `fid`.
"""

import functools
from collections.abc import Sequence

import jax
import numpy as np
import numpy.typing as npt

from pconv_jax.common.xla_options import compiler_options
from pconv_jax.evaluation.metrics import Values, image_pair
from pconv_jax.evaluation.one_by_one import one_by_one
from pconv_jax.losses import feature_distance
from pconv_jax.models.vgg import LAYERS, VGG16, deepest, features


class VggDistance:
    """Relative L1 distance of VGG16 features, image by image: the perceptual loss as a metric.

    For each layer mean |a - b| / mean |b|, b being the truth's features, averaged over the layers. Distances of
    different names cannot be compared. The network is compiled once for every size of image.

    Attributes:
        name: what computes it, such as "vgg16_caffe block1_pool+block2_pool"; "vgg16_random ..." under
            untrained weights.
        layers: the layers, from the image upwards.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, equation 3 (there
        without the division).
    """

    def __init__(self, vgg: VGG16, layers: Sequence[str]) -> None:
        """Checks the layers, without compiling anything.

        Args:
            vgg: the weights.
            layers: names out of `vgg.LAYERS`, at least one; their order does not matter.

        Raises:
            InputError: a layer that is unknown or not loaded, or none.
        """
        smallest = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)  # the smallest that all five pools accept
        jax.eval_shape(functools.partial(features, layers=layers), vgg, smallest)  # only to raise its errors now
        self.layers = tuple(name for name in LAYERS[: LAYERS.index(deepest(layers)) + 1] if name in layers)
        weights = "random" if vgg.source.startswith("random numbers") else vgg.preprocessing
        self.name = f"vgg16_{weights} {'+'.join(self.layers)}"
        self._vgg = vgg
        self._distance = jax.jit(
            functools.partial(_vgg_distance, layers=self.layers), compiler_options=compiler_options(jax.devices()[0])
        )

    def check_size(self, height: int, width: int) -> None:
        """Refuses images that are too small for the deepest layer, without computing anything.

        Args:
            height: of the images, px.
            width: of the images, px.

        Raises:
            InputError: they are.
        """
        image = jax.ShapeDtypeStruct((1, height, width, 3), np.float32)
        jax.eval_shape(functools.partial(features, layers=self.layers), self._vgg, image)

    def __call__(self, output: npt.ArrayLike, truth: npt.ArrayLike) -> Values:
        """Distance of each image to the truth; lower is better.

        Args:
            output: [N, H, W, 3] images in [0, 1].
            truth: [N, H, W, 3] images in [0, 1].

        Returns:
            [N] float64 >= 0, the same for an image whatever the batch; 0 for equal images, about 1 for unrelated ones.
            A truth whose mean feature is below 0.01 is measured against 0.01.

        Raises:
            InputError: shapes or ranges do not fit, or the images are too small for the deepest layer.
        """
        return one_by_one(lambda a, b: self._distance(self._vgg, a[None], b[None])[0], *image_pair(output, truth))


def _vgg_distance(vgg: VGG16, output: jax.Array, truth: jax.Array, *, layers: tuple[str, ...]) -> jax.Array:
    return feature_distance(features(vgg, output, layers), features(vgg, truth, layers))
