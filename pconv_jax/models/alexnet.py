"""AlexNet's five convolutions and three max pools, in the two forms that are in use.

Features are `[N, H, W, C]`; there are no masks here. The form of 2012 was made for two graphics cards: some
convolutions have two groups of channels, and responses are normalised. That of 2014, torchvision's, is narrower and
plain, and pads the image: neither has the other's weights.

References:
    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012;
    Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997 (2014).
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

_INIT = jax.nn.initializers.he_normal()
_WINDOWS = (11, 5, 3, 3, 3)
_POOLED = (0, 1)  # convolutions with a max pool after them, besides the last
_NORMALISED = (0, 1)  # and a response normalisation, in 2012
_SPLIT = (1, 3, 4)  # convolutions of two groups, in 2012


class AlexNetTrunk(nnx.Module):
    """AlexNet up to its last max pool, "pool5"."""

    def __init__(
        self,
        widths: tuple[int, ...],
        *,
        two_groups: bool,
        dtype: DTypeLike | None = None,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters: He-normal kernels, biases 0.

        Args:
            widths: channels of the five convolutions.
            two_groups: the form of 2012; otherwise that of 2014.
            dtype: compute dtype; by default that of the input.
            rngs: source of the random kernels.
        """
        convs = []
        for place, (inputs, outputs) in enumerate(zip((3, *widths), widths, strict=False)):
            side = _WINDOWS[place]
            pad = side // 2 if place else 0 if two_groups else 2
            convs.append(
                nnx.Conv(
                    inputs,
                    outputs,
                    (side, side),
                    strides=1 if place else 4,
                    padding=((pad, pad), (pad, pad)),
                    feature_group_count=2 if two_groups and place in _SPLIT else 1,
                    dtype=dtype,
                    kernel_init=_INIT,
                    rngs=rngs,
                )
            )
        self.convs = nnx.List(convs)
        self.two_groups = two_groups

    def activations(self, x: jax.Array) -> list[jax.Array]:
        """The features `[N, h, w, C]` after each of the five convolutions and its ReLU, before any pool."""
        found: list[jax.Array] = []
        for place, conv in enumerate(self.convs):
            x = nnx.relu(conv(x))
            found.append(x)
            if self.two_groups and place in _NORMALISED:
                x = normalise_responses(x)
            if place in _POOLED:
                x = _max_pool(x)
        return found

    def __call__(self, x: jax.Array) -> jax.Array:
        """The features `[N, h, w, C]` after the last pool: 6x6 of images of 227x227 px in the form of 2012."""
        return _max_pool(self.activations(x)[-1])


def _max_pool(x: jax.Array) -> jax.Array:
    return nnx.max_pool(x, (3, 3), strides=(2, 2))


def pooled_size(size: int, *, two_groups: bool) -> int:
    """Side of the features after the last pool, of images with this side, px; below 1 if the image is too small."""
    side = (size + (0 if two_groups else 4) - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side


def normalise_responses(x: jax.Array) -> jax.Array:
    """Local response normalisation as in Caffe: each value over (1 + 1e-4 m)^0.75.

    Args:
        x: `[N, H, W, C]`.

    Returns:
        The same shape; m is the mean square of the 5 channels around the value's own, those beyond the last counting 0.

    References:
        Krizhevsky et al. 2012, section 3.3, where the sum takes the place of the mean, and 2 that of 1.
    """
    squares = jnp.pad(jnp.square(x), ((0, 0), (0, 0), (0, 0), (2, 2)))
    around = sum(squares[..., shift : shift + x.shape[-1]] for shift in range(5))
    return x / (1 + 1e-4 / 5 * around) ** 0.75
