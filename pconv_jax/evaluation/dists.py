"""DISTS, a perceptual distance that forgives texture drawn anew, by statistics of VGG16's features and their weights.

Images are [N, H, W, 3] float RGB in [0, 1]. The network runs in JAX, without PyTorch. The user gives torchvision's
weights of VGG16, identified by their SHA-256; the weights of DISTS, two for each channel, are in
`dists_weights.safetensors`, under the licence beside it.

References:
    Ding et al., Image Quality Assessment: Unifying Structure and Texture Similarity, TPAMI 2020 (arXiv 2004.07728).
"""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax
from safetensors.numpy import load_file

from pconv_jax.common.xla_options import compiler_options
from pconv_jax.evaluation.metrics import Values
from pconv_jax.evaluation.one_by_one import one_by_one, rgb_pair
from pconv_jax.evaluation.torchvision_weights import read_convolutions, vgg16, weights_files
from pconv_jax.models.vgg import VGG16, check_size, features

_WEIGHTS = Path(__file__).with_name("dists_weights.safetensors")
_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
_WIDTHS = (3, 64, 128, 256, 512, 512)  # of the image and of these layers
_EPS = 1e-6
_ROOT_EPS = 1e-12


class Dists:
    """DISTS of images; lower is more alike. The network is compiled once for every size of image.

    It is that of whole images as they are: its authors' command first makes the shorter side 256 px.

    Attributes:
        name: "DISTS".
    """

    name = "DISTS"

    def __init__(self, weights: str | Path) -> None:
        """Loads the network.

        Args:
            weights: torchvision's ImageNet weights of VGG16 under torchvision's names, such as features.0.weight, in a
                .npz or .safetensors file, or a folder with vgg16.npz or vgg16.safetensors; other entries do not matter.

        Raises:
            InputError: the file is missing, a pickle or damaged, or holds other weights.
        """
        file, *_ = weights_files(Path(weights).expanduser(), self.name, networks=["vgg"])
        self._vgg = vgg16(read_convolutions(file, self.name, networks=["vgg"])[1])
        channels = load_file(_WEIGHTS)
        total = sum(np.sum(each, dtype=np.float64) for each in channels.values())
        places = np.cumsum(_WIDTHS)[:-1]
        self._alpha, self._beta = (
            [jnp.asarray(part, jnp.float32) for part in np.split(channels[name] / total, places)]
            for name in ("alpha", "beta")
        )
        # Not one program: it could compute the same features of two images with different last digits.
        self._seen = jax.jit(_seen, compiler_options=compiler_options(jax.devices()[0]))
        self._distance = jax.jit(dists_distance)

    @staticmethod
    def check_size(height: int, width: int) -> None:
        """Refuses images that are too small.

        Args:
            height: of the images, px.
            width: of the images, px.

        Raises:
            InputError: they are.
        """
        check_size(_LAYERS[-1], height, width)

    def __call__(self, output: npt.ArrayLike, truth: npt.ArrayLike) -> Values:
        """Distance of each image to the truth.

        Args:
            output: [N, H, W, 3] images in [0, 1], at least 16 pixels high and wide.
            truth: [N, H, W, 3] images in [0, 1].

        Returns:
            [N] float64 >= 0, the same for an image whatever the batch; 0 for equal images.

        Raises:
            InputError: shapes or ranges do not fit, or the images are too small.
        """
        output, truth = rgb_pair("DISTS", output, truth, self.check_size)

        def distance(a: np.ndarray, b: np.ndarray) -> jax.Array:
            return self._distance(self._seen(self._vgg, a), self._seen(self._vgg, b), self._alpha, self._beta)

        return one_by_one(distance, output, truth)


def dists_distance(
    output: Sequence[jax.Array],
    truth: Sequence[jax.Array],
    alpha: Sequence[jax.Array],
    beta: Sequence[jax.Array],
) -> jax.Array:
    """The definition, from the image and its features.

    Args:
        output: one image and its features, each [h, w, C].
        truth: those of the other.
        alpha: weights [C] of texture, for each of them.
        beta: weights [C] of structure; those of both add up to 1 over all.

    Returns:
        Scalar: of each channel how far apart the means over all places are, and how little both vary together,
        weighted and added. Both are written as squares: equal images have exactly 0, where 1 less the similarities of
        the paper, the same number, loses digits.
    """

    def layer(a: jax.Array, b: jax.Array, texture: jax.Array, structure: jax.Array) -> jax.Array:
        means = [jnp.mean(x, axis=(0, 1)) for x in (a, b)]
        varying = [x - mean.reshape(1, 1, -1) for x, mean in zip((a, b), means, strict=True)]
        variances = [jnp.mean(jnp.square(x), axis=(0, 1)) for x in varying]
        apart = jnp.square(means[0] - means[1]) / (jnp.square(means[0]) + jnp.square(means[1]) + _EPS)
        alone = jnp.mean(jnp.square(varying[0] - varying[1]), axis=(0, 1)) / (variances[0] + variances[1] + _EPS)
        return jnp.sum(texture * apart + structure * alone)

    return sum((layer(*each) for each in zip(output, truth, alpha, beta, strict=True)), jnp.zeros(()))


def l2_pool(x: jax.Array) -> jax.Array:
    """Half the resolution as in Hénaff & Simoncelli 2016: the root of the squares' mean, weighted by a Hann window.

    Args:
        x: features [N, H, W, C].

    Returns:
        [N, ceil(H / 2), ceil(W / 2), C]; beyond the border are zeros.
    """
    channels = x.shape[-1]
    hann = jnp.asarray([0.25, 0.5, 0.25], x.dtype)
    kernel = jnp.broadcast_to(jnp.outer(hann, hann).reshape(3, 3, 1, 1), (3, 3, 1, channels))
    dimensions = ("NHWC", "HWIO", "NHWC")
    mean = lax.conv_general_dilated(
        jnp.square(x), kernel, (2, 2), [(1, 1), (1, 1)], dimension_numbers=dimensions, feature_group_count=channels
    )
    return jnp.sqrt(mean + _ROOT_EPS)


def _seen(vgg: VGG16, image: jax.Array) -> list[jax.Array]:
    with jax.default_matmul_precision("highest"):  # graphics cards round the factors of convolutions otherwise
        found = features(vgg, image[None], _LAYERS, pool=l2_pool)
    return [image, *(found[name][0] for name in _LAYERS)]
