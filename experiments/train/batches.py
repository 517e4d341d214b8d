"""The batches of a run, from its settings."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from experiments.train.config import Config
from pconv_jax.data import ImageSource, eval_batches, train_batches

if TYPE_CHECKING:
    import grain


def training_batches(config: Config, source: ImageSource) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """The training data of a run: this host's part of every batch, without end.

    Args:
        config: settings of the run.
        source: images of the training split.

    Returns:
        A Grain dataset, see `pconv_jax.data.train_batches`.
    """
    return train_batches(
        source,
        image_size=config.image_size,
        batch_size=config.batch_size,
        seed=config.seed,
        lines=config.lines,
        noise=config.noise,
        crop_scale=config.crop_scale,
        flip=config.flip,
        recolor=config.recolor,
        monochrome=config.monochrome,
        workers=config.workers,
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
        image_size=config.image_size,
        batch_size=config.batch_size,
        seed=config.seed,
        lines=config.lines,
        limit=limit,
    )
