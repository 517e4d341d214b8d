"""Suite `scaling`: cost and speed-up of a training step split between replicas.

Simulated replicas are devices of one CPU process and share its cores. Their number must be set before JAX starts, so
each number of replicas has its own process; all processes are kept and take turns.
"""

import contextlib
import functools
import itertools
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import jax
import numpy as np

from experiments.performance.options import Options
from experiments.performance.places import Runner, here, simulated
from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing, available_cores, interleave
from experiments.train.config import Config
from pconv_jax.models.vgg import deepest, random_weights
from pconv_jax.training.sharding import AXIS, Replicas, Strategy, by_host
from pconv_jax.training.state import init_state
from pconv_jax.training.step import train_step

Kind = Literal["same in all", "same each", "averages alone"]
_STRONG, _WEAK, _AVERAGES = get_args(Kind)
_COLLECTIVE = re.compile(
    r" = (.+?) (?:all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"\b(?:pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")


class Case(NamedTuple):
    """A program to time.

    Attributes:
        kind: a training step with the same batch size in all (strong scaling) or for each replica (weak scaling), or
            only the averages over replicas.
        replicas: number of replicas.
        config: settings of the step, with the batch size of all replicas.
    """

    kind: Kind
    replicas: int
    config: Config


class MappedStep:
    """A step mapped over devices, with its current state and a fixed batch."""

    def __init__(self, step: Callable[..., Any], state: Any, constants: Any, config: Config, devices: Sequence[Any]):
        self._replicas = Replicas(step, mapping=config.run.mapping, devices=devices)
        self._state, self._constants = self._replicas.replicate(state), self._replicas.replicate(constants)
        rows, size = config.data.batch_size // jax.process_count(), config.data.image_size  # of this host
        shape, rng = (rows, size, size), np.random.default_rng(config.run.seed)
        self._batch = {
            "image": rng.random((*shape, 3), np.float32),
            "noisy": rng.random((*shape, 3), np.float32),
            "mask": (rng.random((*shape, 1)) > 0.1).astype(np.float32),
        }

    def __call__(self) -> None:
        """Takes the step and waits for it."""
        self._state, metrics = self._replicas(self._state, self._batch, self._constants)
        jax.block_until_ready((self._state, metrics))

    def compiled(self) -> str:
        """The compiled program, as text."""
        return str(self._replicas.compile(self._state, self._batch, self._constants).as_text())


@functools.cache
def program(averages_only: bool, config: Config, replicas: int) -> MappedStep:
    """A program with its state, cached in this process.

    Args:
        averages_only: only average gradients and batch statistics over replicas.
        config: settings of the training step.
        replicas: number of devices to use.
    """
    devices = by_host()[:replicas]
    settings = config.train_config(1)
    state = init_state(settings, seed=config.run.seed)
    if averages_only:
        alike = state.generator, state.discriminator  # parameters have the shapes of their gradients
        return MappedStep(lambda state, *_: (jax.lax.pmean(state, AXIS), {}), alike, None, config, devices)
    layers = config.losses.layers
    vgg = random_weights(config.run.seed, through=deepest(layers)) if layers else None
    return MappedStep(functools.partial(train_step, settings), state, vgg, config, devices)


def run_case(case: Case) -> None:
    """Runs a case once in this process."""
    program(case.kind == _AVERAGES, case.config, case.replicas)()


def count_collectives(case: Case) -> tuple[int, float]:
    """Number of collective operations in the compiled training step, and MiB of their results."""
    return collectives(program(False, case.config, case.replicas).compiled())


def collectives(program: str) -> tuple[int, float]:
    """Counts the collective operations of a program.

    Args:
        program: compiled program, in XLA's HLO.

    Returns:
        Number of collective operations, and the MiB of their results.
    """
    found = [match[1] for match in map(_COLLECTIVE.search, program.splitlines()) if match]
    arrays = [array for result in found for array in _ARRAY.findall(result)]
    bits = sum(int(width or 8) * math.prod(int(side) for side in sides.split(",") if side) for width, sides in arrays)
    return len(found), bits / 8 / 2**20


def step_config(options: Options) -> Config:
    """Settings of the step that is split."""
    return Config().replace(
        generator=options.generator,
        image_size=options.image_sizes[0],
        batch_size=options.batch_sizes[-1],
        vgg_weights="random",
    )


def run(options: Options) -> list[Table]:
    """Measures simulated replicas, and real ones if there are several accelerators."""
    config = step_config(options)
    with contextlib.ExitStack() as stack:
        runners = {count: stack.enter_context(simulated(count)) for count in sorted(set(options.replicas))}
        title = f"simulated replicas on {available_cores()} CPU cores"
        tables = measure(title, config, runners, repeats=options.repeats)
    devices = jax.local_devices()
    if devices[0].platform == "cpu" or len(devices) < 2:
        found = f"{len(devices)} of kind {devices[0].device_kind}"
        note = f"Real replicas were not measured: they need two or more accelerators, and JAX has {found}."
        return [*tables, Table("real replicas", [], (note,))]
    places = {2**power: here for power in range(len(devices).bit_length())}
    return [*tables, *measure(f"{devices[0].device_kind} replicas", config, places, repeats=options.repeats)]


def measure(
    title: str,
    config: Config,
    runners: Mapping[int, Runner],
    *,
    repeats: int,
    mappings: Sequence[Strategy] = get_args(Strategy),
) -> list[Table]:
    """Times the same training step over each number of replicas.

    Args:
        title: kind of the replicas, and where they are.
        config: settings of the step; its batch size is that of all replicas, or of each.
        runners: where to run it, by number of replicas.
        repeats: number of timed rounds.
        mappings: how the step is mapped over devices.
    """
    cases = cases_of(config, sorted(runners), mappings)
    print(f"scaling: {len(cases)} programs on {title}", file=sys.stderr)
    steps = {str(case): functools.partial(runners[case.replicas], run_case, case) for case in cases}
    timings = dict(zip(cases, interleave(steps, repeats=repeats).values(), strict=True))
    counted = {case: runners[case.replicas](count_collectives, case) for case in cases if case.kind == _AVERAGES}
    note = (
        "Collectives and MiB: of the compiled step. Alone: averages of arrays shaped like its gradients and statistics."
    )
    about = f"generator {config.network.generator}, {config.data.image_size} px, {title}"
    skipped = tuple(
        f"A batch of {config.data.batch_size} cannot be split between {count} replicas: not measured."
        for count in runners
        if config.data.batch_size % count
    )
    return [
        Table(f"training step, {about}", _scaling(timings), skipped),
        Table(f"communication between replicas, {about}", _exchange(timings, counted), (note,)),
    ]


def cases_of(config: Config, counts: Sequence[int], mappings: Sequence[Strategy] = get_args(Strategy)) -> list[Case]:
    """Every program to time; those that are compared are adjacent."""
    cases = []
    for kind, count, mapping in itertools.product(get_args(Kind), counts, mappings):
        batch = config.data.batch_size * (1 if kind == _STRONG else count)
        if batch % count == 0:
            cases.append(Case(kind, count, config.replace(mapping=mapping, batch_size=batch)))
    return cases


def _scaling(timings: Mapping[Case, Timing]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for case, timing in timings.items():
        if case.kind == _AVERAGES:
            continue
        mapping, images = case.config.run.mapping, case.config.data.batch_size
        first = min(other for other in timings if (other.kind, other.config.run.mapping) == (case.kind, mapping))
        plain = case._replace(config=case.config.replace(mapping="shard_map"))
        faster = timings[first].over(timing)
        rows.append(
            {
                "batch": case.kind,
                "mapping": mapping,
                "replicas": case.replicas,
                "images": images,
                "ms": timing.milliseconds,
                "± %": timing.spread * 100,
                "images/s": images / timing.median,
                "over fewest replicas": faster.median * images / first.config.data.batch_size,
                "over ± %": faster.spread * 100,
                "time over shard_map": timing.over(timings[plain]).median,
            }
        )
    return rows


def _exchange(timings: Mapping[Case, Timing], counted: Mapping[Case, tuple[int, float]]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for case, (number, mib) in counted.items():
        share = timings[case].over(timings[case._replace(kind=_WEAK)])
        rows.append(
            {
                "mapping": case.config.run.mapping,
                "replicas": case.replicas,
                "collectives": number,
                "MiB": mib,
                "alone, ms": timings[case].milliseconds,
                "± %": timings[case].spread * 100,
                f"over a step of {case.config.data.batch_size // case.replicas} images each, %": share.median * 100,
                "over ± %": share.spread * 100,
            }
        )
    return rows
