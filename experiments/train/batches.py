"""The batches of a run, from its settings."""

import dataclasses
import sys
from typing import TYPE_CHECKING

import jax
import numpy as np

from experiments.train.config import Config
from pconv_jax.common.memory import available_memory
from pconv_jax.data import ImageSource, eval_batches, train_batches
from pconv_jax.data.on_device import DeviceExamples, DeviceImages, chosen_batches, load_images

if TYPE_CHECKING:
    import grain


def training_batches(config: Config, source: ImageSource) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """The training data of a run: this host's part of infinitely many batches.

    Args:
        config: settings of the run.
        source: images of the training split.

    Returns:
        A Grain dataset, see `pconv_jax.data.train_batches`; with `--augment-on-device`
        `pconv_jax.data.on_device.chosen_batches`, of which the step makes examples.
    """
    if config.data.augment_on_device:
        return chosen_batches(
            len(source),
            batch_size=config.data.batch_size,
            seed=config.run.seed,
            shard=(jax.process_index(), jax.process_count()),
        )
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


def examples_on_device(config: Config, source: ImageSource) -> tuple[DeviceExamples, DeviceImages]:
    """What a step makes its examples of with `--augment-on-device`.

    Args:
        config: settings of the run.
        source: images of the training split.

    Returns:
        The function that makes them, and all images, decoded.

    Raises:
        InputError: the images take more than half of a device's memory.
    """
    augmentation, size = config.data.augmentation, config.data.image_size
    share = augmentation.crop_scale[1]
    images = load_images(
        source.at_least(augmentation.least_side(size)), largest_share=share, limit=_device_memory() // 2
    )
    largest = images.largest_crop(share)
    return DeviceExamples(image_size=size, damage=config.damage, augmentation=augmentation, largest=largest), images


def _device_memory() -> int:
    """Memory of one device, bytes: of those on CPUs, which share it, an equal part of what is available."""
    devices = jax.local_devices()
    if statistics := devices[0].memory_stats():
        return statistics["bytes_limit"]
    # The images are there once more before they are on the devices.
    return (available_memory() or sys.maxsize) // (1 + len(devices))


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
