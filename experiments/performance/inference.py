"""Suite `inference`: time and peak memory to inpaint an image, with the generator and the classical baselines."""

import dataclasses
import functools
import sys
from collections.abc import Mapping

import jax
import numpy as np
from flax import nnx

from experiments.performance.options import Options
from experiments.performance.table import Cell, Table
from experiments.performance.timing import compared, in_fresh_process, interleave, peak_mib
from experiments.train.presets import PRESETS
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.data import eval_batches, open_source
from pconv_jax.evaluation.baselines import Method, biharmonic, navier_stokes, telea
from pconv_jax.masks import hole_ratio
from pconv_jax.models import PAPER_PRESETS, PaperGenerator
from pconv_jax.models.initialize import initialize

GENERATOR = "generator"
_CLASSICAL: Mapping[str, Method] = {
    "OpenCV Navier-Stokes": navier_stokes,
    "OpenCV Telea": telea,
    "scikit-image biharmonic": biharmonic,
}
METHODS = (GENERATOR, *_CLASSICAL)
_SMALL = 16  # px; side of the image that loads the libraries


def run(options: Options) -> list[Table]:
    """Measures each method at each size."""
    rows: list[dict[str, Cell]] = []
    holes = []
    for size in options.inference_sizes:
        print(f"inference: {size} px", file=sys.stderr, flush=True)
        image, mask = example(size)
        holes.append(f"{hole_ratio(mask).item():.1%} at {size} px")
        methods = {name: build_method(name, options.generator) for name in METHODS}
        timings = interleave(
            {name: functools.partial(fill, image, mask) for name, fill in methods.items()},
            repeats=options.repeats,
        )
        peak = functools.partial(_peak, options.generator, size)
        rows += compared(timings, GENERATOR, "times the generator", peak, size=size)
    return [
        Table(
            f"Inpainting one image, generator {options.generator}, untrained, on {jax.local_devices()[0].platform}",
            rows,
            (
                f"Holes: {', '.join(holes)}. The classical methods take longer for larger holes and always run on the "
                "CPU.",
                f"peak: growth of the peak memory of a fresh process after an image of {_SMALL} px; the generator's "
                "includes compilation for the new size, and on a GPU it is memory of the GPU.",
            ),
        )
    ]


def example(size: int) -> tuple[np.ndarray, np.ndarray]:
    """An embedded photograph [1, size, size, 3] and a mask [1, size, size, 1] of lines as in the preset `samples`."""
    source = open_source("samples", "train")  # whole photographs; the other splits have tiles
    damage = dataclasses.replace(PRESETS["samples"].damage, noise=0.0)
    batch = next(iter(eval_batches(source, image_size=size, batch_size=1, seed=0, damage=damage, limit=1)))
    return batch["image"], batch["mask"]


def build_method(name: str, generator: str) -> Method:
    """One of `METHODS`.

    Args:
        name: its name.
        generator: preset of the generator.
    """
    if name != GENERATOR:
        return _CLASSICAL[name]
    config = PAPER_PRESETS[generator]
    untrained = initialize(lambda: PaperGenerator(config, rngs=nnx.Rngs(0)))
    return TrainedGenerator(config, nnx.state(untrained, nnx.Param), nnx.state(untrained, nnx.BatchStat))


def _peak(generator: str, size: int, name: str) -> float:
    growth: float = in_fresh_process(peak_growth, name, generator, size)
    return growth


def peak_growth(name: str, generator: str, size: int) -> float:
    """Growth of the peak memory of this process, which should be a fresh one, by one image, MiB."""
    fill = build_method(name, generator)
    fill(*example(_SMALL))
    image, mask = example(size)
    before = _peak_mib(name)
    fill(image, mask)
    return _peak_mib(name) - before


def _peak_mib(name: str) -> float:
    """Peak memory, MiB: of the GPU for the generator if there is one, else of the process."""
    stats = jax.local_devices()[0].memory_stats()  # None on a CPU
    return stats["peak_bytes_in_use"] / 2**20 if stats and name == GENERATOR else peak_mib()
