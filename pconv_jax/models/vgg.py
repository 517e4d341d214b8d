"""VGG16's convolution stack as a frozen feature extractor for perceptual losses; VGG19's for the synthesis.

Images are float RGB in [0, 1], layout [N, H, W, 3]; kernels are HWIO. There are no masks here. The pretrained
weights in use come in two kinds that expect different input, so a `VGG16` carries its own preprocessing;
`pconv_jax.models.vgg_weights` loads or downloads the weights.

References:
    Simonyan & Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition,
    arXiv 1409.1556, configurations D and E. Layer names are those of Keras.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from pconv_jax.common.errors import InputError
from pconv_jax.losses import Preprocessing as Preprocessing

Network = Literal["VGG16", "VGG19"]

_CONVS_PER_BLOCK: dict[Network, tuple[int, ...]] = {"VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


def _architecture(network: Network) -> tuple[tuple[str, ...], dict[str, tuple[int, int, int, int]]]:
    """Every convolution and pool from the image upwards, and each convolution's HWIO kernel shape."""
    layers: list[str] = []
    shapes = {}
    channels = 3
    for block, (convs, width) in enumerate(zip(_CONVS_PER_BLOCK[network], _WIDTHS, strict=True), start=1):
        for i in range(1, convs + 1):
            layers.append(f"block{block}_conv{i}")
            shapes[layers[-1]] = (3, 3, channels, width)
            channels = width
        layers.append(f"block{block}_pool")
    return tuple(layers), shapes


_ARCHITECTURES = MappingProxyType({network: _architecture(network) for network in _CONVS_PER_BLOCK})
LAYERS, KERNEL_SHAPES = _ARCHITECTURES["VGG16"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class VGG16:
    """Frozen weights of VGG16 or VGG19, and the preprocessing that belongs to them: a pytree, to be passed to jit.

    Attributes:
        params: `{"block1_conv1": {"kernel": [3, 3, 3, 64], "bias": [64]}, ...}`, float32; maybe not all.
        preprocessing: "caffe" (BGR in 0..255 minus the mean colour) or "torchvision" (normalised RGB).
        source: where the numbers come from, in words.
        network: which of the two; VGG19 has a fourth convolution in each of the blocks 3 to 5.
        trained: whether they are other than random numbers.
    """

    params: dict[str, dict[str, Array]]
    preprocessing: Preprocessing = dataclasses.field(metadata={"static": True})
    source: str = dataclasses.field(metadata={"static": True})
    network: Network = dataclasses.field(default="VGG16", metadata={"static": True})
    trained: bool = dataclasses.field(default=True, metadata={"static": True})

    def fingerprint(self) -> str:
        """SHA-256 of network, preprocessing and numbers, the same wherever they come from."""
        digest = hashlib.sha256(f"{self.network} {self.preprocessing}".encode())
        for leaf in jax.tree.leaves(self):
            digest.update(np.asarray(leaf).tobytes())
        return digest.hexdigest()


def kernel_shapes(network: Network) -> dict[str, tuple[int, int, int, int]]:
    """HWIO kernel shape of each convolution of a network, from the image upwards."""
    return _ARCHITECTURES[network][1]


def layers_through(name: str, *, network: Network = "VGG16") -> tuple[str, ...]:
    """The layers from the image up to and including `name`.

    Args:
        name: one of `LAYERS`, or of VGG19's.
        network: whose layers.

    Returns:
        A prefix of `LAYERS`, or of VGG19's layers.

    Raises:
        InputError: the network has no such layer.
    """
    layers = _ARCHITECTURES[network][0]
    if name not in layers:
        raise InputError(f"{network} has no layer {name!r}: choose from {', '.join(layers)}")
    return layers[: layers.index(name) + 1]


def deepest(layers: Sequence[str], *, network: Network = "VGG16") -> str:
    """The one of `layers` farthest from the image: how much of the network to load.

    Args:
        layers: names out of `LAYERS`, or of VGG19's, in any order, at least one.
        network: whose layers.

    Returns:
        One of `layers`.

    Raises:
        InputError: an unknown name, or no name at all.
    """
    if not layers:
        raise InputError(f"no {network} layer was named: name at least one of {', '.join(_ARCHITECTURES[network][0])}")
    return max(layers, key=lambda name: len(layers_through(name, network=network)))


def pools_through(name: str, *, network: Network = "VGG16") -> int:
    """How many pools are among `layers_through(name)`: each halves the resolution."""
    return sum(layer.endswith("pool") for layer in layers_through(name, network=network))


def check_size(name: str, height: int, width: int, *, network: Network = "VGG16") -> None:
    """Refuses images that are too small for a layer.

    Args:
        name: one of `LAYERS`, or of VGG19's.
        height: of the images, px.
        width: of the images, px.
        network: whose layer.

    Raises:
        InputError: nothing would be left of them, or the network has no such layer.
    """
    smallest = 2 ** pools_through(name, network=network)
    if min(height, width) < smallest:
        raise InputError(
            f"{network} layer {name} needs images of at least {smallest}x{smallest} pixels, "
            f"not {width}x{height}: use larger images or a shallower layer"
        )


def convs_through(name: str, *, network: Network = "VGG16") -> list[str]:
    """The convolutions among `layers_through(name)`: the layers that have weights."""
    shapes = kernel_shapes(network)
    return [layer for layer in layers_through(name, network=network) if layer in shapes]


def random_weights(seed: int, *, through: str = LAYERS[-1], preprocessing: Preprocessing = "caffe") -> VGG16:
    """Untrained VGG16: He-normal kernels and zero biases, the same numbers whatever the version of JAX.

    Args:
        seed: any integer >= 0.
        through: deepest layer wanted; shallower layers do not depend on it.
        preprocessing: what images are brought to first; features are about as large as they are then.

    Returns:
        The weights.

    Raises:
        InputError: an unknown layer or a negative seed.

    References:
        He et al. 2015, arXiv 1502.01852.
    """
    if seed < 0:
        raise InputError(f"the seed of random VGG16 weights must be at least 0, not {seed}")
    rng = np.random.default_rng(seed)
    params = {}
    for name in convs_through(through):
        shape = KERNEL_SHAPES[name]
        kernel = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:3])))
        params[name] = {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(shape[3], jnp.float32)}
    return VGG16(params, preprocessing, f"random numbers (seed {seed}, untrained)", trained=False)


def preprocess(images: Array, preprocessing: Preprocessing) -> Array:
    """Bring images into the colour space that a set of weights was trained in.

    Args:
        images: [..., 3] float RGB in [0, 1].
        preprocessing: "caffe" for the original weights (as in Keras), "torchvision" for torchvision's own.

    Returns:
        [..., 3]; "caffe": B, G, R in 0..255 less (103.939, 116.779, 123.68); "torchvision": R, G, B less
        (0.485, 0.456, 0.406) over (0.229, 0.224, 0.225).

    Raises:
        InputError: another preprocessing.
    """
    spread = (1,) * (images.ndim - 1) + (3,)  # explicit, for callers that forbid rank promotion

    def colour(*values: float) -> Array:
        return jnp.asarray(values, images.dtype).reshape(spread)

    if preprocessing == "caffe":
        return images[..., ::-1] * 255 - colour(103.939, 116.779, 123.68)
    if preprocessing == "torchvision":
        return (images - colour(0.485, 0.456, 0.406)) / colour(0.229, 0.224, 0.225)
    raise InputError(f'VGG16 preprocessing must be "caffe" or "torchvision", not {preprocessing!r}')


def max_pool(x: Array) -> Array:
    """The greatest of each two by two pixels: `[N, H, W, C]` to `[N, H // 2, W // 2, C]`."""
    # Not a reduce_window: its gradient, a scatter, took XLA a tenth of a whole training step on a CPU. The gradients
    # differ where two pixels of a window tie; after a ReLU that is where all four are 0 and pass nothing on.
    n, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    rows = even.reshape(n, height // 2, 2, width // 2 * 2, channels)  # one split at a time, for explicit sharding
    return jnp.max(rows.reshape(n, height // 2, 2, width // 2, 2, channels), axis=(2, 4))


def features(
    vgg: VGG16,
    images: Array,
    layers: Sequence[str],
    *,
    dtype: jax.typing.DTypeLike | None = None,
    pool: Callable[[Array], Array] = max_pool,
) -> dict[str, Array]:
    """Activations of the named layers; runs no deeper than the deepest of them.

    The weights are constants to differentiation: gradients reach the images only.

    Args:
        vgg: the weights, given as an argument (closing over them would compile 59 MB of constants in).
        images: [N, H, W, 3] float RGB in [0, 1].
        layers: names of layers of its network. A convolution's features are taken after its ReLU.
        dtype: to compute in, such as `jnp.bfloat16`; default, and always for the preprocessing, float32.
        pool: what halves the resolution; the network was trained with `max_pool`.

    Returns:
        `{layer: [N, H / 2^p, W / 2^p, C]}` of `dtype`, p being the pools so far; `max_pool` rounds odd sizes down.

    Raises:
        InputError: a layer that is unknown or not loaded; images of another shape or dtype, or too small.
    """
    path = layers_through(deepest(layers, network=vgg.network), network=vgg.network)
    _check_loaded(vgg, path)
    _check_images(images)
    check_size(path[-1], *images.shape[1:3], network=vgg.network)
    params = lax.stop_gradient(vgg.params)
    x = preprocess(jnp.asarray(images, jnp.float32), vgg.preprocessing)
    x = x if dtype is None else x.astype(dtype)
    found: dict[str, Array] = {}
    for name in path:
        x = pool(x) if name.endswith("pool") else _conv_relu(x, params[name])
        if name in layers:
            found[name] = x
    return found


def _conv_relu(x: Array, layer: dict[str, Array]) -> Array:
    kernel, bias = layer["kernel"].astype(x.dtype), layer["bias"].astype(x.dtype)
    y = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jax.nn.relu(y + bias.reshape(1, 1, 1, -1))


def _check_loaded(vgg: VGG16, path: Sequence[str]) -> None:
    missing = [name for name in convs_through(path[-1], network=vgg.network) if name not in vgg.params]
    if missing:
        raise InputError(
            f"{vgg.network} layer {path[-1]} needs {', '.join(missing)}, which the weights from {vgg.source} lack: "
            f'load them with through="{path[-1]}"'
        )


def _check_images(images: Any) -> None:
    if images.ndim != 4 or images.shape[-1] != 3:
        raise InputError(f"VGG16 takes images [N, H, W, 3], not {list(images.shape)}")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(f"VGG16 takes float images in [0, 1], not {images.dtype}: divide 8-bit images by 255")
