"""The batches of a run, from its settings."""

import dataclasses
from typing import TYPE_CHECKING

import jax
import numpy as np

from experiments.train.config import Config
from pconv_jax.data import ImageSource, eval_batches, train_batches

if TYPE_CHECKING:
    import grain


def training_batches(config: Config, source: ImageSource) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """The training data of a run: this host's part of infinitely many batches.

    Args:
        config: settings of the run.
        source: images of the training split.

    Returns:
        A Grain dataset, see `pconv_jax.data.train_batches`.
    """
    return train_batches(
        source,
        image_size=config.data.image_size,
        batch_size=config.data.batch_size,
        seed=config.run.seed,
        damage=config.damage,
        augmentation=config.data.augmentation,
        workers=config.data.workers,
        shard=(jax.process_index(), jax.process_count()),
    )


def evaluation_batches(
    config: Config, source: ImageSource, *, limit: int | None
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Images to score, each damaged the same way every time: clean inputs, with lines of the run's seed.

    Args:
        config: settings of the run.
        source: images of the validation or test split.
        limit: number of images, all if None.

    Returns:
        A finite Grain dataset, see `pconv_jax.data.eval_batches`.
    """
    return eval_batches(
        source,
        image_size=config.data.image_size,
        batch_size=config.data.batch_size,
        seed=config.run.seed,
        damage=dataclasses.replace(config.damage, noise=0.0),
        limit=limit,
    )
