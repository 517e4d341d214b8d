"""Refuses runs that no memory can hold, before anything is allocated."""

import math
import os

import jax

from experiments.train.config import Config
from pconv_jax.common.errors import InputError
from pconv_jax.training.state import TrainConfig, state_shapes

_FLOAT = 4  # bytes
_CHANNELS = 3 + 3 + 1  # of a batch: image, noisy and mask


def check_memory(config: Config, train_config: TrainConfig) -> None:
    """Compares the least that a run needs with the memory of this machine.

    Args:
        config: settings of the run.
        train_config: what the step is compiled for.

    Raises:
        InputError: the parameters with Adam's moments, or the features of the first stage, are larger than that.
    """
    memory = _memory()
    side = -(-config.data.image_size // train_config.generator.multiple) * train_config.generator.multiple
    channels = _CHANNELS + max(train_config.generator.widths[:1], default=0)
    needed = side**2 * config.data.batch_size * channels * _FLOAT
    if needed > memory * jax.process_count():
        raise InputError(
            f"a batch of {config.data.batch_size} images of {side}x{side} px with its first features takes "
            f"{_gib(needed)}, and this machine has {_gib(memory)} of memory: choose a smaller --image-size or "
            "--batch-size, or fewer --widths"
        )
    needed = sum(math.prod(leaf.shape) * _FLOAT for leaf in jax.tree.leaves(state_shapes(train_config)))
    if needed > memory:
        raise InputError(
            f"the parameters of these networks and Adam's moments take {_gib(needed)}, and this machine has "
            f"{_gib(memory)} of memory: choose smaller --widths"
        )


def _memory() -> float:
    """Memory of this machine, bytes; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return math.inf


def _gib(size: float) -> str:
    return f"{size / 2**30:,.0f} GiB"
