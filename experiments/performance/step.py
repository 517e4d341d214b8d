"""Suite `step`: the GAN training step (both networks, three losses, VGG16 features, Adam) against PyTorch's."""

import dataclasses
import functools
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import psutil

from experiments.performance.op import NO_TORCH
from experiments.performance.options import STEP_SIZES, Options, check_step_size
from experiments.performance.table import Cell, Table
from experiments.performance.timing import in_fresh_process, interleave, peak_mib
from pconv_jax.losses import PaperLosses
from pconv_jax.models import PAPER_PRESETS, DiscriminatorConfig
from pconv_jax.models.vgg import VGG16, deepest, random_weights
from pconv_jax.training.sharding import Replicas
from pconv_jax.training.state import TrainConfig, init_state
from pconv_jax.training.step import train_step

LAYERS = ("block1_pool", "block2_pool", "block3_pool")
_PLANNED_BATCHES = (8, 16)  # two points of a line
_STEPS = 3  # of a memory measurement; allocators reach their peak after two


@dataclasses.dataclass(frozen=True)
class Case:
    """One size of the training step."""

    generator: str
    image_size: int
    batch_size: int
    bfloat16: bool = False

    @property
    def discriminator(self) -> DiscriminatorConfig:
        """The discriminator of the presets at this size, down to 4 px."""
        check_step_size(self.image_size)
        widths = (32, 64, 128, 256, 256, 256)
        return DiscriminatorConfig(self.image_size, widths[: 1 + STEP_SIZES.index(self.image_size)])

    @property
    def vgg(self) -> VGG16:
        """Random weights: timings do not depend on their values."""
        return random_weights(0, through=deepest(LAYERS))

    @property
    def config(self) -> TrainConfig:
        """Settings of the training step: all three losses."""
        return TrainConfig(
            generator=PAPER_PRESETS[self.generator],
            discriminator=self.discriminator,
            losses=PaperLosses(perceptual_layers=LAYERS),
            bfloat16=self.bfloat16,
        )

    def batch(self) -> dict[str, np.ndarray]:
        """Random images with holes in a tenth of their pixels."""
        rng, shape = np.random.default_rng(0), (self.batch_size, self.image_size, self.image_size)
        image = rng.random((*shape, 3), np.float32)
        noisy = np.clip(image + 0.05 * rng.standard_normal(image.shape, np.float32), 0, 1)
        return {"image": image, "noisy": noisy, "mask": (rng.random((*shape, 1)) > 0.1).astype(np.float32)}


def jax_step(case: Case) -> Callable[[], Any]:
    """A function that takes the next training step, on one device."""
    batch = case.batch()
    replicas = Replicas(functools.partial(train_step, case.config), devices=jax.devices()[:1])
    vgg = replicas.replicate(case.vgg)
    state = replicas.replicate(init_state(case.config, seed=0))

    def step() -> Any:
        nonlocal state
        state, metrics = replicas(state, batch, vgg)
        return state, metrics

    return step


def torch_step(case: Case) -> Callable[[], Any]:
    """The same in PyTorch, on a GPU if it finds one."""
    import torch

    from experiments.performance.twin import Twin

    twin = Twin(init_state(case.config, seed=0), case.config, case.vgg)
    batch = case.batch()

    def step() -> Any:
        twin.step(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return step


STEPS = {"jax": jax_step, "torch": torch_step}


def run(options: Options) -> list[Table]:
    """Measures time and, in fresh processes, peak memory of the step for every size and batch size."""
    kinds = ["jax", "torch"] if importlib.util.find_spec("torch") else ["jax"]
    rows: list[dict[str, Cell]] = []
    cases = [
        Case(options.generator, size, batch, options.bfloat16)
        for size in options.image_sizes
        for batch in options.batch_sizes
    ]
    for case in cases:
        _ = case.discriminator  # refuses an unsupported size before anything is measured
    for case in cases:
        print(f"step: {case.batch_size} images of {case.image_size} px", file=sys.stderr, flush=True)
        timings = interleave({kind: STEPS[kind](case) for kind in kinds}, repeats=options.repeats)
        row: dict[str, Cell] = {"image, px": case.image_size, "batch": case.batch_size}
        row["images/s"] = case.batch_size / timings["jax"].median
        row["± %"] = 100 * timings["jax"].spread
        ratio = timings["torch"].over(timings["jax"]) if "torch" in timings else None
        row["PyTorch / JAX time"] = ratio.median if ratio else None
        row["ratio ± %"] = 100 * ratio.spread if ratio else None
        for kind, name in (("jax", "peak memory, MiB"), ("torch", "PyTorch's, MiB")):
            row[name] = peak(kind, case) if kind in kinds else None
        rows.append(row)
    dtype = "bfloat16" if options.bfloat16 else "float32"
    title = f"GAN training step, generator {options.generator}, all losses with {LAYERS[-1]} and above, {dtype}"
    return [Table(title, rows, () if "torch" in kinds else (NO_TORCH,)), _largest_batches(options)]


def _largest_batches(options: Options) -> Table:
    """Memory of a step as planned by the compiler, and the largest batch that would fit, without running it."""
    limit = _device_memory()
    rows: list[dict[str, Cell]] = []
    for size in options.image_sizes:
        few, many = (
            _planned_bytes(Case(options.generator, size, batch, options.bfloat16)) for batch in _PLANNED_BATCHES
        )
        each = (many - few) / (_PLANNED_BATCHES[1] - _PLANNED_BATCHES[0])
        fixed = few - each * _PLANNED_BATCHES[0]
        rows.append(
            {
                "image, px": size,
                "MiB an image": each / 2**20,
                "MiB besides": fixed / 2**20,
                "largest batch": int((limit - fixed) / each),
            }
        )
    return Table(f"memory of a step as the compiler plans it, for a device of {limit / 2**30:.1f} GiB", rows)


def _planned_bytes(case: Case) -> int:
    replicas = Replicas(functools.partial(train_step, case.config), devices=jax.devices()[:1])
    state, vgg = replicas.replicate(init_state(case.config, seed=0)), replicas.replicate(case.vgg)
    plan: Any = replicas.compile(state, case.batch(), vgg).memory_analysis()
    return plan.temp_size_in_bytes + plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes


def _device_memory() -> int:
    """Memory of the first device, bytes; the physical memory for a CPU."""
    if statistics := jax.local_devices()[0].memory_stats():
        return statistics["bytes_limit"]
    return psutil.virtual_memory().total


def peak(kind: str, case: Case) -> float:
    """Peak memory of a few steps, MiB, beyond that of the process before."""
    with tempfile.TemporaryDirectory() as compiled:
        if kind == "jax":  # compiles in another process first: the compiler needs more memory than small steps
            in_fresh_process(_memory, kind, case, compiled)
        return in_fresh_process(_memory, kind, case, compiled)


def _memory(kind: str, case: Case, compiled: str) -> float:
    jax.config.update("jax_compilation_cache_dir", compiled)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    device = jax.local_devices()[0]
    before = peak_mib()
    step = STEPS[kind](case)
    for _ in range(_STEPS):
        jax.block_until_ready(step())
    if kind == "jax" and (statistics := device.memory_stats()):
        return statistics["peak_bytes_in_use"] / 2**20
    if kind == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated() / 2**20
    return peak_mib() - before
