"""The validation crops of a run of the detector: their scores, and pictures of what is found."""

import itertools
from pathlib import Path

import numpy as np

from experiments.detector.config import Config
from experiments.image_grids import image_grid
from pconv_jax.checkpoints.best_step import VALIDATION_ERROR
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.data import ImageSource
from pconv_jax.data.damaged_photographs import damaged_batches
from pconv_jax.masks.film_damage import CLEAN, DAMAGED, UNSEEN

_SAMPLES = 8  # rows in a grid of sample results


class DetectorValidation:
    """Validation crops, damaged the same way every time, by pieces of damage that training never uses."""

    def __init__(self, config: Config, source: ImageSource):
        """Reads and damages the photographs.

        Args:
            config: settings of the run.
            source: photographs of the validation split.
        """
        batches = damaged_batches(
            source,
            image_size=config.data.image_size,
            batch_size=config.data.batch_size,
            seed=0,  # the same for every seed of training
            photographs=config.photographs,
            split="validation",
            purpose=1,  # or training with seed 0 would lay the same pieces
        )
        whole, rest = divmod(config.run.validation_images, config.data.batch_size)
        self._batches = list(itertools.islice(batches, whole + (rest > 0)))
        if rest:  # or the best checkpoint would depend on the size of the batches
            self._batches[-1] = {name: each[:rest] for name, each in self._batches[-1].items()}

    def outputs(self, model: TrainedDetector) -> list[np.ndarray]:
        """The probability of damage for every batch, `[B, S, S, 1]`."""
        return [model(batch["image"].astype(np.float32) / np.float32(255))[..., :1] for batch in self._batches]

    def scores(self, outputs: list[np.ndarray]) -> dict[str, float]:
        """Jaccard coefficient over all pixels at probability 0.5, and the share of undamaged crops that is found.

        The coefficient is 1 where nothing is damaged and nothing is found.
        """
        truth = np.concatenate([batch["truth"] for batch in self._batches])
        found = (np.concatenate(outputs) >= 0.5) & (truth != UNSEEN)
        damaged = truth == DAMAGED
        either = (found | damaged).sum()
        jaccard = (found & damaged).sum() / either if either else 1.0
        clean = (truth == CLEAN).all(axis=(1, 2, 3))
        alarms = float(found[clean].mean()) if clean.any() else 0.0
        return {
            VALIDATION_ERROR: float(1 - jaccard),
            "validation_jaccard": float(jaccard),
            "validation_false_alarms": alarms,
        }

    def draw(self, outputs: list[np.ndarray], path: Path) -> None:
        """Draws the first crops: damaged photograph, truth, and the probability of damage."""
        image, truth = (
            np.concatenate([batch[name] for batch in self._batches])[:_SAMPLES] for name in ("image", "truth")
        )
        image_grid(
            [
                ("damaged photograph", image / 255.0),
                ("truth", (truth == DAMAGED).astype(np.float32)),
                ("probability of damage", np.concatenate(outputs)[:_SAMPLES]),
            ],
            path,
        )
