"""LPIPS v0.1, a perceptual distance by particular weights: torchvision's AlexNet or VGG16, and linear ones.

Images are [N, H, W, 3] float RGB in [0, 1]. The networks run in JAX, without PyTorch. The user gives the weights of the
network, identified by their SHA-256; the linear weights of LPIPS are part of the package (`pconv_jax.losses.lpips`).

References:
    Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.evaluation.metrics import Values
from pconv_jax.evaluation.one_by_one import one_by_one, rgb_pair
from pconv_jax.evaluation.torchvision_weights import Arrays, read_convolutions, vgg16, weights_files
from pconv_jax.losses.lpips import LPIPS_LAYERS, linear_weights, lpips_distance, unit_vectors
from pconv_jax.models.alexnet import AlexNetTrunk
from pconv_jax.models.vgg import features, preprocess

_SMALLEST = 32  # px, for both networks


class Lpips:
    """LPIPS of images; lower is more alike. The network is compiled once for every size of image.

    Attributes:
        name: "LPIPS (alex)" or "LPIPS (vgg)", by the network that the file holds.
    """

    def __init__(self, weights: str | Path) -> None:
        """Loads the network.

        Args:
            weights: torchvision's ImageNet weights of AlexNet or VGG16 under torchvision's names, such as
                features.0.weight, in a .npz or .safetensors file; other entries do not matter.

        Raises:
            InputError: the file is missing, a pickle or damaged, or holds other weights.
        """
        network, arrays = read_convolutions(Path(weights).expanduser(), "LPIPS")
        self.name = f"LPIPS ({network})"
        activations: Callable[..., Sequence[jax.Array]]
        activations, self._weights = _alexnet(arrays) if network == "alex" else _vgg(arrays)
        self._linear = [jnp.asarray(weights) for weights in linear_weights(network)]
        # Not one program: it could compute the same features of two images with different last digits.
        self._seen = jax.jit(functools.partial(_seen, activations), compiler_options=compiler_options(jax.devices()[0]))
        self._distance = jax.jit(lpips_distance)

    @staticmethod
    def check_size(height: int, width: int) -> None:
        """Refuses images that are too small.

        Args:
            height: of the images, px.
            width: of the images, px.

        Raises:
            InputError: they are.
        """
        if min(height, width) < _SMALLEST:
            raise InputError(
                f"LPIPS needs images of at least {_SMALLEST} x {_SMALLEST} pixels, not {width} x {height}: "
                "use larger ones"
            )

    def __call__(self, output: npt.ArrayLike, truth: npt.ArrayLike) -> Values:
        """Distance of each image to the truth.

        Args:
            output: [N, H, W, 3] images in [0, 1], at least 32 pixels high and wide.
            truth: [N, H, W, 3] images in [0, 1].

        Returns:
            [N] float64 >= 0, the same for an image whatever the batch; 0 for equal images.

        Raises:
            InputError: shapes or ranges do not fit, or the images are too small.
        """
        output, truth = rgb_pair("LPIPS", output, truth, self.check_size)

        def distance(a: np.ndarray, b: np.ndarray) -> jax.Array:
            return self._distance(self._seen(self._weights, a), self._seen(self._weights, b), self._linear)

        return one_by_one(distance, output, truth)


def open_lpips(weights: str | Path) -> list[Lpips]:
    """LPIPS by each network that there are weights for.

    Args:
        weights: a file, as for `Lpips`, or a folder with alexnet.npz, vgg16.npz or both (or .safetensors).

    Returns:
        One for each network: AlexNet's first.

    Raises:
        InputError: nothing is there, or what is there cannot be used.
    """
    return [Lpips(file) for file in weights_files(Path(weights).expanduser(), "LPIPS")]


def _seen(activations: Callable[..., Sequence[jax.Array]], weights: Any, image: jax.Array) -> list[jax.Array]:
    with jax.default_matmul_precision("highest"):  # graphics cards round the factors of convolutions otherwise
        return [unit_vectors(x[0]) for x in activations(weights, image[None])]


def _alexnet(arrays: Arrays) -> tuple[Callable[..., Sequence[jax.Array]], Any]:
    """The function of weights and images that gives the five features, and the weights."""
    widths = tuple(len(bias) for _, bias in arrays)
    trunk = nnx.eval_shape(lambda: AlexNetTrunk(widths, two_groups=False, rngs=nnx.Rngs(0)))
    for conv, (kernel, bias) in zip(trunk.convs, arrays, strict=True):
        conv.kernel, conv.bias = nnx.Param(jnp.asarray(kernel.transpose(2, 3, 1, 0))), nnx.Param(jnp.asarray(bias))
    graph, state = nnx.split(trunk)
    return lambda weights, images: nnx.merge(graph, weights).activations(preprocess(images, "torchvision")), state


def _vgg(arrays: Arrays) -> tuple[Callable[..., Sequence[jax.Array]], Any]:
    """As `_alexnet`."""

    def activations(weights: Any, images: jax.Array) -> list[jax.Array]:
        found = features(weights, images, LPIPS_LAYERS)
        return [found[name] for name in LPIPS_LAYERS]

    return activations, vgg16(arrays)
