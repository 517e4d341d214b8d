"""LPIPS v0.1, a perceptual distance by particular weights: torchvision's AlexNet or VGG16, and linear ones.

Images are [N, H, W, 3] float RGB in [0, 1]. The networks run in JAX, without PyTorch. The user gives the weights of the
network, identified by their SHA-256; the linear weights of LPIPS, one for each channel of five layers, are in
`lpips_linear.safetensors`, under the licence beside it.

References:
    Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from safetensors.numpy import load_file

from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.evaluation.metrics import Values, image_pair
from pconv_jax.models.alexnet import AlexNetTrunk
from pconv_jax.models.array_files import open_arrays
from pconv_jax.models.vgg import KERNEL_SHAPES, VGG16, features, preprocess

_LINEAR = Path(__file__).with_name("lpips_linear.safetensors")
# By the networks' names in LPIPS: n of each convolution "features.{n}" in torchvision, and the SHA-256 of weights and
# biases, one convolution after the other, as little-endian float32.
_CONVOLUTIONS = {"alex": (0, 3, 6, 8, 10), "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}
_SHA256 = {
    "alex": "2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc",
    "vgg": "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6",
}
_FILES = [f"{name}{suffix}" for name in ("alexnet", "vgg16") for suffix in (".npz", ".safetensors")]
_WANTED = "give torchvision's ImageNet weights of AlexNet or VGG16, as .npz or .safetensors"
_VGG_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
_SMALLEST = 32  # px, for both networks
_EPS = 1e-10

Arrays = Sequence[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""Weight [O, I, h, w] and bias [O] of each convolution."""


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
        network, arrays = _read(Path(weights).expanduser())
        self.name = f"LPIPS ({network})"
        activations: Callable[..., Sequence[jax.Array]]
        activations, self._weights = _alexnet(arrays) if network == "alex" else _vgg(arrays)
        linear = load_file(_LINEAR)
        self._linear = [jnp.asarray(linear[f"{network}.lin{place}"]) for place in range(5)]
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
        output, truth = image_pair(output, truth)
        if output.shape[-1] != 3:
            raise InputError(
                f"LPIPS takes images [N, H, W, 3], not {output.shape}: repeat a single channel three times"
            )
        self.check_size(*output.shape[1:3])
        pairs = zip(output.astype(np.float32), truth.astype(np.float32), strict=True)
        # One by one: XLA adds in another order for another batch size, which would show in the last digits.
        seen = ([self._seen(self._weights, image) for image in pair] for pair in pairs)
        return np.array([self._distance(*both, self._linear) for both in seen], np.float64)


def open_lpips(weights: str | Path) -> list[Lpips]:
    """LPIPS by each network that there are weights for.

    Args:
        weights: a file, as for `Lpips`, or a folder with alexnet.npz, vgg16.npz or both (or .safetensors).

    Returns:
        One for each network: AlexNet's first.

    Raises:
        InputError: nothing is there, or what is there cannot be used.
    """
    path = Path(weights).expanduser()
    if not path.is_dir():
        return [Lpips(path)]
    files = [path / name for name in _FILES if (path / name).is_file()]
    if not files:
        raise InputError(f"the folder {path} has no weights for LPIPS ({', '.join(_FILES)}): {_WANTED}")
    return [Lpips(file) for file in files]


def lpips_distance(output: Sequence[jax.Array], truth: Sequence[jax.Array], linear: Sequence[jax.Array]) -> jax.Array:
    """The definition, from the features of two images, see `unit_vectors`.

    Args:
        output: unit vectors of features [h, w, C] of one image, for each layer.
        truth: those of the other.
        linear: weights [C], for each layer.

    Returns:
        Scalar: at each place the squared difference of both vectors, weighted by channel; its mean over the places,
        added over the layers.
    """
    layers = zip(output, truth, linear, strict=True)
    return sum((jnp.mean(jnp.square(a - b) @ weights) for a, b, weights in layers), jnp.zeros(()))


def unit_vectors(features: jax.Array) -> jax.Array:
    """Features [..., C] over their length; 0 where they are."""
    return features / (jnp.sqrt(jnp.sum(jnp.square(features), axis=-1, keepdims=True)) + _EPS)


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
    params = {
        name: {"kernel": jnp.asarray(kernel.transpose(2, 3, 1, 0)), "bias": jnp.asarray(bias)}
        for name, (kernel, bias) in zip(KERNEL_SHAPES, arrays, strict=True)
    }
    vgg = VGG16(params, "torchvision", "LPIPS")
    return lambda weights, images: [features(weights, images, _VGG_LAYERS)[name] for name in _VGG_LAYERS], vgg


def _read(path: Path) -> tuple[str, Arrays]:
    """Which network a file holds, and its convolutions; a score from any other weights must not have the name."""
    if path.is_dir():
        raise InputError(f"{path} for LPIPS is a folder: {_WANTED}")
    if not path.is_file():
        raise InputError(f"the weights file {path} for LPIPS does not exist: {_WANTED}")
    with open_arrays(path) as (names, read):
        held = {name for name in names if name.startswith("features.")}
        wanted = {
            network: [(f"features.{n}.weight", f"features.{n}.bias") for n in places]
            for network, places in _CONVOLUTIONS.items()
        }
        network = next((each for each, entries in wanted.items() if held == {n for e in entries for n in e}), None)
        if network is None:
            raise InputError(
                f"{path} holds neither the convolutions of AlexNet nor those of VGG16 under torchvision's names "
                f"(features.0.weight), which LPIPS needs: {_WANTED}"
            )
        arrays = [(read(weight), read(bias)) for weight, bias in wanted[network]]
    digest = hashlib.sha256()
    for array in (array for pair in arrays for array in pair):
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    if digest.hexdigest() != _SHA256[network]:
        raise InputError(
            f"the numbers in {path} are not torchvision's (their SHA-256 begins with {digest.hexdigest()[:8]}, not "
            f"{_SHA256[network][:8]}), and LPIPS is a metric by particular weights: {_WANTED}"
        )
    return network, arrays
