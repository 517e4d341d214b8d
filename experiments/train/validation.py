"""The validation images of a run: their score, and pictures of the generator's output."""

from pathlib import Path

import numpy as np

from experiments.image_grids import image_grid, show_holes
from experiments.train.batches import evaluation_batches
from experiments.train.config import Config
from pconv_jax.checkpoints.best_step import VALIDATION_L1
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.common.errors import InputError
from pconv_jax.data import ImageSource
from pconv_jax.evaluation.composites import make_composite
from pconv_jax.evaluation.metrics import l1

_SAMPLES = 8  # rows in a grid of sample results


class Validation:
    """Validation images, damaged the same way every time."""

    def __init__(self, config: Config, source: ImageSource):
        """Reads and damages the images.

        Args:
            config: settings of the run.
            source: images of the validation split.

        Raises:
            InputError: none of them has a hole, which is all that is scored.
        """
        self._batches = list(evaluation_batches(config, source, limit=config.run.validation_images))
        if all(batch["mask"].all() for batch in self._batches):
            count = sum(len(batch["mask"]) for batch in self._batches)
            raise InputError(
                f"--validation-images {config.run.validation_images} gives {count} images without a hole in any: give "
                "more, or masks with larger holes"
            )

    def outputs(self, model: TrainedGenerator) -> list[np.ndarray]:
        """Raw output for every batch of the images."""
        return [model.raw(batch["noisy"], batch["mask"])[0] for batch in self._batches]

    def scores(self, outputs: list[np.ndarray]) -> dict[str, float]:
        """Mean absolute error of the raw output in the holes.

        This is the evaluation's metric on the evaluation's inputs, and no more: the whole evaluation, with its other
        methods and metrics, takes longer than the steps between two checkpoints. It runs once, when training has ended.
        """
        errors = [
            l1(output, batch["image"], region=batch["mask"] == 0)
            for output, batch in zip(outputs, self._batches, strict=True)
        ]
        return {VALIDATION_L1: float(np.nanmean(np.concatenate(errors)))}  # NaN: an image without a hole

    def draw(self, outputs: list[np.ndarray], path: Path) -> None:
        """Draws the first images: ground truth, input, raw output and composite."""
        image, noisy, mask = (
            np.concatenate([batch[name] for batch in self._batches])[:_SAMPLES] for name in ("image", "noisy", "mask")
        )
        output = np.concatenate(outputs)[:_SAMPLES]
        image_grid(
            [
                ("ground truth", image),
                ("masked input", show_holes(noisy, mask)),
                ("raw output", output),
                ("composite", make_composite(noisy, mask, output)),
            ],
            path,
        )
