"""Refuses runs that no memory can hold, before anything is allocated."""

import math

import jax

from experiments.train.config import Config
from pconv_jax.common.errors import InputError
from pconv_jax.common.memory import available_memory
from pconv_jax.training.state import TrainConfig, state_shapes

LESS = (
    "choose a smaller --batch-size or --image-size, or fewer --widths, and another --out if this one holds a run by now"
)
"""What to do where the devices have too little memory."""

_FLOAT = 4  # bytes
_CHANNELS = 3 + 3 + 1  # of a batch: image, noisy and mask


def check_memory(config: Config, train_config: TrainConfig) -> None:
    """Compares the least that a run needs with the memory that it can use.

    Args:
        config: settings of the run.
        train_config: what the step is compiled for.

    Raises:
        InputError: the parameters with Adam's moments, or the features of the first stage, are larger than that.
    """
    side = -(-config.data.image_size // train_config.generator.multiple) * train_config.generator.multiple
    channels = _CHANNELS + max(train_config.generator.widths[:1], default=0)
    check_batch(config.data.batch_size, side, channels=channels)
    memory = available_memory() or math.inf  # where the system does not tell
    needed = sum(math.prod(leaf.shape) * _FLOAT for leaf in jax.tree.leaves(state_shapes(train_config)))
    if needed > memory:
        raise InputError(
            f"the parameters of these networks and Adam's moments take {_gib(needed)}, and "
            f"{_gib(memory)} of memory are available: choose smaller --widths"
        )


def check_batch(images: int, side: int, *, channels: float) -> None:
    """Compares the least that a batch needs with the memory that it can use.

    Args:
        images: number of images, of all hosts together.
        side: their side, px.
        channels: numbers a pixel, of the batch and the features of the first stage.

    Raises:
        InputError: it needs more.
    """
    memory = available_memory() or math.inf
    needed = side**2 * images * channels * _FLOAT
    if needed > memory * jax.process_count():
        raise InputError(
            f"a batch of {images} images of {side}x{side} px with its first features takes "
            f"{_gib(needed)}, and {_gib(memory)} of memory are available: choose a smaller --image-size or "
            "--batch-size, or fewer --widths"
        )


def _gib(size: float) -> str:
    return f"{size / 2**30:,.0f} GiB"
