"""Residual blocks added to a trained network, which computes the same as before until it is trained further."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from pconv_jax.models.residual_unet import ResidualUNetConfig


def extends(config: object, other: object) -> bool:
    """Whether a residual U-Net is another but for its blocks, of which it has as many or more at each resolution."""
    if not isinstance(config, ResidualUNetConfig) or not isinstance(other, ResidualUNetConfig):
        return False
    if config.widths != other.widths or config != dataclasses.replace(other, blocks=config.blocks):
        return False
    return all(here >= there for here, there in zip(config.blocks, other.blocks, strict=True))


def deepened(params: nnx.State, deeper: nnx.State) -> nnx.State:
    """The parameters of a network in the shape of a deeper one, see `extends`, that computes the same.

    The further blocks are the last ones of their resolution. A residual block adds what its second convolution
    returns: that of a further block is 0, so that the block adds nothing; its first one, which has no influence, is
    the deeper network's.

    Args:
        params: of the network.
        deeper: of the deeper network; from initial ones training goes on.

    Returns:
        Parameters of the deeper network's shape.
    """
    known = dict(nnx.to_flat_state(params))
    return nnx.from_flat_state(
        [(path, known[path] if path in known else _further(path, value)) for path, value in nnx.to_flat_state(deeper)]
    )


def _further(path: Sequence[object], value: nnx.Variable[jax.Array]) -> nnx.Variable[jax.Array]:
    return value.replace(jnp.zeros_like(value[...])) if "second" in path else value
