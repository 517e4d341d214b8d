"""A study: variants of a run trained with equal budgets and several seeds, scored on the same pairs."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from experiments.studies.scores import StudyScores


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way of training.

    Attributes:
        name: what tables call it.
        changes: settings of `experiments.train.config.Config` that it has of its own.
    """

    name: str
    changes: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Condition:
    """One kind of damage that variants are scored on.

    Attributes:
        name: what tables call it; also a folder name.
        masks: mask set, as `python -m experiments.evaluate --masks` takes it.
        noise: standard deviation of the noise on the input.
    """

    name: str
    masks: str = "lines"
    noise: float = 0.0


@dataclasses.dataclass(frozen=True)
class Study:
    """A claim, what is trained to test it, and how it is judged.

    Attributes:
        name: of the command.
        claim: the claim, in a sentence.
        variants: ways of training; the first is the reference.
        conditions: what they are scored on.
        metrics: columns of the scores that test the claim; "distance" is the perceptual distance.
        classical: classical methods to score beside them.
        finding: computes a paragraph on what the scores say about the claim.
    """

    name: str
    claim: str
    variants: tuple[Variant, ...]
    conditions: tuple[Condition, ...]
    metrics: tuple[str, ...]
    classical: tuple[str, ...]
    finding: Callable[[StudyScores], str]


@dataclasses.dataclass(frozen=True)
class Budget:
    """What every variant of a study gets.

    Attributes:
        settings: of `experiments.train.config.Config`.
        seeds: number of seeds that each variant is trained with.
        images: test images to score on.
    """

    settings: Mapping[str, Any]
    seeds: int
    images: int


# cpu: each study in less than an hour on two cores, where a high, falling learning rate and small batches get furthest.
# gpu: the paper's image size and many more steps; not run yet.
_SHARED = {
    "crop_scale": (0.5, 1.0),
    "flip": True,
    "noise": 0.0,
    "adam_b1": 0.9,
    "schedule": "cosine",
    "test_images": 16,
}
BUDGETS = MappingProxyType(
    {
        "cpu": Budget(
            {
                **_SHARED,
                "image_size": 64,
                "generator": "tiny",
                "discriminator_widths": (16, 32, 64, 128),
                "hole_weight": 20.0,
                "perceptual_layers": ("block1_pool",),
                "learning_rate": 8e-3,
                "batch_size": 4,
                "steps": 1500,
                "line_count": (2, 8),
                "line_thickness": (1, 10),
                "checkpoint_every": 500,
                "sample_every": 1500,
                "validation_images": 32,
            },
            seeds=2,
            images=100,
        ),
        "gpu": Budget(
            {
                **_SHARED,
                "image_size": 128,
                "generator": "128",
                "discriminator_widths": (32, 64, 128, 256, 256),
                "hole_weight": 6.0,
                "perceptual_layers": ("block1_pool", "block2_pool", "block3_pool"),
                "learning_rate": 1e-3,
                "batch_size": 32,
                "steps": 20_000,
                "line_count": (2, 12),
                "line_thickness": (1, 16),
                "checkpoint_every": 1000,
                "sample_every": 5000,
                "validation_images": 64,
                "bfloat16": True,
            },
            seeds=3,
            images=500,
        ),
    }
)
