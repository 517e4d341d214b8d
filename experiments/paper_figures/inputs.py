"""What the figures are drawn from: loaded when a figure asks for it, and once."""

import functools
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.paper_figures.options import Flags
from experiments.train.batches import evaluation_batches
from experiments.train.config import Config
from experiments.train.run_folder import (
    InpaintedImages,
    inpaint_images,
    inpaint_test_images,
    read_config,
    read_losses,
    training_examples,
)
from experiments.train.sections import generator_configs
from experiments.train.training_time import TrainingTime
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data import FolderSource, ImageSource, open_source
from pconv_jax.evaluation.mask_sets import RatioMasks
from pconv_jax.models.interface import AnyGeneratorConfig
from pconv_jax.models.registry import config_to_json

_CANDIDATES = 64  # test images that the teaser is chosen from
_MASKS = 32


class Inputs:
    """The settings, network, images and losses that the flags ask for.

    Attributes:
        flags: the flags.
    """

    def __init__(self, flags: Flags):
        """Takes the flags, checked; nothing is loaded yet."""
        self.flags = flags

    @functools.cached_property
    def config(self) -> Config:
        """Settings of the training, with the images that the flags name in place of its own."""
        flags = self.flags
        if flags.run is not None:
            config = read_config(flags.run)
        else:
            settings = {} if flags.weights is None else self.model.about.get("settings", {})
            own = {"dataset": "samples", "data_dir": None, "splits": "official", "limit": None, "workers": 0}
            if settings.get("masks") == "folder":
                warnings.warn(
                    f"{flags.weights} was trained on mask files of a folder that it does not name: the figures have "
                    "lines, or the masks of its run if you give its folder too",
                    stacklevel=2,
                )
                own["masks"] = "lines"
            config = Config.from_json({**settings, **own})
        if flags.images is not None:
            config = config.replace(dataset="folder", data_dir=flags.images, splits="official")
        if flags.image_size is not None:
            config = config.replace(image_size=flags.image_size)
        return config

    @functools.cached_property
    def model(self) -> TrainedGenerator:
        """The network."""
        if self.flags.weights is not None:
            return load_generator_weights(self.flags.weights)
        assert self.flags.run is not None  # `Flags.check`
        return load_run(self.flags.run)

    @property
    def network(self) -> AnyGeneratorConfig:
        """The config of the network of figure 3, which needs no weights."""
        if self.flags.generator is not None:
            return generator_configs()[self.flags.generator]
        return self.config.network.generator_config if self.flags.weights is None else self.model.config

    @property
    def run_name(self) -> str:
        """What to call the run: its data set, or its folder where that is any tree of images."""
        run, data = self.flags.run, self.config.data
        return run.resolve().name if run is not None and data.dataset == "folder" else data.dataset

    @property
    def losses(self) -> Sequence[Mapping[str, float]]:
        """The rows of the run's metrics."""
        assert self.flags.run is not None  # `Flags.check`
        return read_losses(self.flags.run)

    @property
    def time(self) -> str:
        """Wall and CPU time of the run's steps, in words; empty if it does not say."""
        assert self.flags.run is not None  # `Flags.check`
        return TrainingTime.read(self.flags.run).heading(int(self.losses[-1]["step"]))

    @functools.cached_property
    def sources(self) -> dict[str, ImageSource]:
        """The images for training, and those for the test."""
        if self.flags.images is not None:
            return dict.fromkeys(("train", "test"), FolderSource(self.flags.images, "all"))
        if self.flags.run is None:
            return {"train": open_source("samples", "train"), "test": open_source("samples", "test")}
        from experiments.train.experiment import open_sources  # loads what trains: not needed to find a mistake

        return open_sources(self.config)

    @functools.cached_property
    def examples(self) -> dict[str, np.ndarray]:
        """The first training examples; see `training_examples`."""
        return training_examples(self.config, self.sources["train"], count=max(_MASKS, self.flags.rows))

    @property
    def masks(self) -> np.ndarray:
        """Some training masks."""
        return self.examples["mask"][:_MASKS]

    @functools.cached_property
    def results(self) -> InpaintedImages:
        """The first test images, inpainted."""
        limit = max(_CANDIDATES, self.flags.rows)
        return inpaint_test_images(self.config, self.model, self.sources["test"], limit=limit)

    def irregular_holes(self) -> tuple[InpaintedImages, list[str]]:
        """The first test images with irregular holes, inpainted by Liu's network, and what to call the holes.

        The holes grow from one image to the next, through the bins of hole ratio.
        """
        masks = RatioMasks()
        batches = evaluation_batches(self.config, self.sources["test"], limit=self.flags.rows)
        truth = np.concatenate([batch["image"] for batch in batches])
        bins = [bucket for bucket in masks.buckets if bucket.endswith("border")]
        chosen = [bins[round(place)] for place in np.linspace(0, len(bins) - 1, len(truth))]
        size = truth.shape[1:3]
        holes = np.stack([masks.mask(bucket, number, *size) for number, bucket in enumerate(chosen)])
        labels = [f"hole ratio\n{bucket.split()[0].replace('-', ' to ')}" for bucket in chosen]
        return inpaint_images(self._liu, truth, truth * holes, holes), labels

    @property
    def _liu(self) -> TrainedGenerator:
        """Liu's network: the one that is drawn if it is that, else that of --liu-weights."""
        if _name(self.config.network.generator_config if self.flags.weights is None else self.model.config) == "liu":
            return self.model
        other = load_generator_weights(self.flags.liu_weights)
        if _name(other.config) != "liu":
            raise InputError(
                f"--liu-weights {self.flags.liu_weights} is not the network of Liu et al. but {_name(other.config)}: "
                "give liu-celeba or a file of its weights"
            )
        return other


def _name(config: AnyGeneratorConfig) -> str:
    """The name of a network in files."""
    return str(config_to_json(config)["network"])
