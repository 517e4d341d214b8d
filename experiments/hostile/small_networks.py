"""Networks of seconds: what they make of holes is nothing to look at."""

from pathlib import Path
from typing import Any

import jax
from flax import nnx

from pconv_jax.checkpoints.detector_file import TrainedDetector, save_detector
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.tensors import Precision
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import save_generator_weights
from pconv_jax.models import FillCorrectingConfig, PaperConfig, config_to_json
from pconv_jax.models.detector import DetectorConfig
from pconv_jax.models.initialize import initialize


def _states(config: Any) -> tuple[nnx.State, nnx.State]:
    """Parameters and batch statistics of a new network."""
    parts: Any = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)
    return parts[1], parts[2]


def save_small_generator(path: Path, *, precision: Precision = "float32") -> None:
    """Writes a file of weights."""
    config = FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))
    params, stats = _states(config)
    trained = TrainedGenerator(config, params, stats, about={"thickest_line": 24})
    save_generator_weights(path, trained, precision=precision)


def save_small_detector(path: Path) -> None:
    """Writes a file of a detector."""
    config = DetectorConfig(widths=(8, 8), blocks=(0, 1))
    params, _ = _states(config)
    save_detector(path, TrainedDetector(config, params, {"step": 7}))


def save_small_run(folder: Path) -> None:
    """Writes two checkpoints of a run, the first of which is the better one."""
    config = PaperConfig(widths=(4,))
    params, stats = _states(config)
    notes = {"generator": config_to_json(config), "config": {"line_thickness": [1, 7]}}
    with Checkpoints(folder / "checkpoints", metadata=notes) as checkpoints:
        for step in (1, 2):
            changed = jax.tree.map(lambda leaf, step=step: leaf * (1 + step / 8), params)
            parts = {"generator": {"params": changed, "stats": stats}}
            checkpoints.save(step, parts, metrics={"validation_l1": 0.1 * step})
