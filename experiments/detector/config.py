"""Settings of a training run of the damage detector, nested by subject; no two sections share a name."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.datasets import Dataset
from experiments.train.config import settings_by_name
from experiments.train.sections import check_ranges, flag
from pconv_jax.common.errors import InputError
from pconv_jax.data.damaged_photographs import DamagedPhotographs
from pconv_jax.models.detector import DetectorConfig
from pconv_jax.training.detection import DetectorLosses, DetectorTrainConfig
from pconv_jax.training.hosts import HostOptions
from pconv_jax.training.optimizer import AdamConfig
from pconv_jax.training.sharding import Strategy

# What may change when a run is resumed: it changes no step but for rounding (`mapping`, which is another program).
_FREE = (
    *("resume", "out", "data_dir", "damage_dir", "workers", "mapping"),
    *("keep", "checkpoint_every", "sample_every"),
)
_LATER = {"faded": 0.0, "edged": 0.0}  # what came later than some runs, and is not in their files
_MOST_SIDE = 16_384  # px of a crop, which is damaged half as large again: OpenCV turns images of up to 32,767


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorData:
    """The photographs of a run.

    Attributes:
        dataset: where the photographs come from: those embedded in scikit-image (samples), any tree of images (folder),
            or a TensorFlow Datasets builder.
        data_dir: folder of the photographs, without damage.
        limit: number of training photographs to use, of all if not given.
        image_size: side of the square training crops, px.
        batch_size: crops a step, over all devices.
        workers: processes that prepare batches; 0 prepares them in threads of this process.
    """

    dataset: Dataset = "samples"
    data_dir: Path | None = None
    limit: int | None = None
    image_size: int = 128
    batch_size: int = 12
    workers: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorRun:
    """How long a run trains, and what it leaves behind.

    Attributes:
        steps: training steps.
        seed: seed of parameters, data order, crops and damage.
        initial_weights: weights that training starts from: a .safetensors file, the folder of a run, or the name of a
            bundled detector; further --blocks than it has begin by adding nothing.
        mapping: how the step is mapped over devices.
        out: folder for everything the run writes.
        resume: continue from the latest checkpoint in the output folder, if there is one.
        checkpoint_every: steps between checkpoints, each with a validation score.
        keep: number of latest checkpoints to keep, besides the best.
        sample_every: steps between grids of sample results.
        validation_images: crops of the validation split that are scored at each checkpoint.
    """

    steps: int = 10_000
    seed: int = 0
    initial_weights: Path | None = None
    mapping: Strategy = "shard_map"
    out: Path = Path("runs/detector")
    resume: bool = False
    checkpoint_every: int = 500
    keep: int = 3
    sample_every: int = 1000
    validation_images: int = 240


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one training run of the detector.

    Attributes:
        data: the photographs.
        photographs: how they are damaged.
        network: architecture of the detector.
        losses: what it is trained for.
        optimizer: Adam.
        run: how long to train, and what to leave behind.
        hosts: training on several hosts; not saved in `config.json`, as a run may resume on any number of them.
    """

    data: DetectorData = dataclasses.field(default_factory=DetectorData)
    photographs: DamagedPhotographs = dataclasses.field(default_factory=DamagedPhotographs)
    network: DetectorConfig = dataclasses.field(default_factory=DetectorConfig)
    losses: DetectorLosses = dataclasses.field(default_factory=DetectorLosses)
    optimizer: AdamConfig = dataclasses.field(
        default_factory=lambda: AdamConfig(
            learning_rate=2e-3, adam_b1=0.9, schedule="cosine", warmup=100, clip=1.0, ema=0.999
        )
    )
    run: DetectorRun = dataclasses.field(default_factory=DetectorRun)
    hosts: HostOptions = dataclasses.field(default_factory=HostOptions)

    def check(self) -> None:
        """Refuses values that make no sense, before anything is prepared or written.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        counts = ("image_size", "batch_size", "limit", "steps", "validation_images")
        check_ranges(settings_by_name(self), (*counts, "checkpoint_every", "sample_every", "keep"))
        if self.data.image_size > _MOST_SIDE:
            raise InputError(f"--image-size is {self.data.image_size}, but it must be at most {_MOST_SIDE}")
        self.photographs.check()
        self.losses.check()
        self.optimizer.check(self.run.steps)

    def train_config(self) -> DetectorTrainConfig:
        """What the training step is compiled for."""
        return DetectorTrainConfig(
            detector=self.network, losses=self.losses, optimizer=self.optimizer, steps=self.run.steps
        )

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values, each by its own name; `task` says that they are a detector's."""
        settings: dict[str, Any] = json.loads(json.dumps(settings_by_name(self), default=str))
        return {"task": "detect", **settings}

    def check_same_run(self, before: Mapping[str, Any]) -> None:
        """Refuses to resume with settings that would make it another run.

        Args:
            before: `to_json()` of the settings that the run was started with; what it lacks did not exist then: edges
                of prints and faded ones count as none, all else as the default.

        Raises:
            InputError: naming every setting that differs.
        """
        now = self.to_json()
        if before.get("task") != now["task"]:
            raise InputError(f"{self.run.out} holds another kind of run: choose another --out")
        if (before.get("damage_dir") is None) != (now["damage_dir"] is None):  # another folder is compared by its files
            raise InputError(
                f"--resume continues the run in {self.run.out} as it was started, but --damage-dir was "
                f"{before.get('damage_dir')} and is now {now['damage_dir']}: use the settings of that run, or "
                "another --out"
            )
        then = {**type(self)().to_json(), **_LATER, **before}
        changed = [
            f"{flag(name)} was {then[name]} and is now {value}"
            for name, value in now.items()
            if name not in _FREE and then[name] != value
        ]
        if changed:
            raise InputError(
                f"--resume continues the run in {self.run.out} as it was started, but {'; '.join(changed)}: use the "
                "settings of that run, or another --out"
            )
