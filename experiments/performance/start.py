"""Suite `start`: imports, the command, the first training step, and checkpoints (see `saving`)."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import jax

from experiments.performance.installed_command import installed_command
from experiments.performance.options import Options
from experiments.performance.saving import checkpoints, mib, silence
from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing, in_fresh_process
from experiments.train import experiment, loop
from experiments.train.config import Config
from experiments.train.interface import Outcome
from experiments.train.presets import PRESETS
from experiments.train.sections import RunConfig
from experiments.train.trainer import Trainer
from experiments.train.validation import Validation

# Modules that are slow to import or rarely needed (TensorFlow: never).
HEAVY = ("tensorflow", "tensorflow_datasets", "grain", "cv2", "matplotlib", "skimage", "orbax")
_STATEMENTS = {
    "import jax": "import jax",
    "import pconv_jax": "import pconv_jax",
    "from pconv_jax import Inpainter": "from pconv_jax import Inpainter",
    "from pconv_jax import TrainedGenerator": "from pconv_jax import TrainedGenerator",
    "building a generator, imports included": (
        "from flax import nnx; from pconv_jax import PAPER_PRESETS, PaperGenerator; "
        "PaperGenerator(PAPER_PRESETS[{generator!r}], rngs=nnx.Rngs(0))"
    ),
    "python -m experiments.run --help": "import experiments.run",
    "python -m experiments.run": "import experiments.run, experiments.train.experiment",
}
_PROBE = """
import json, sys, time
before = time.perf_counter()
{statement}
print(json.dumps([time.perf_counter() - before, sorted(set({heavy!r}) & set(sys.modules))]))
"""


def run(options: Options) -> list[Table]:
    """Measures imports and first steps in fresh processes, and checkpoints in a training loop."""
    # A cold start takes many times as long as an import: a few are enough.
    starts = max(1, options.repeats // 5)
    config = PRESETS["samples"].replace(
        generator=options.generator,
        image_size=options.image_sizes[0],
        batch_size=options.batch_sizes[-1],
    )
    return [
        imports(options.generator, repeats=options.repeats),
        installed_command(repeats=starts),
        first_step(PRESETS["samples"], repeats=starts),
        *checkpoints(config, repeats=options.repeats),
    ]


def imports(generator: str, *, repeats: int) -> Table:
    """Seconds of import statements in a fresh interpreter, and the heavy modules that they load.

    Args:
        generator: preset of the generator to build.
        repeats: number of fresh interpreters for each statement.
    """
    seconds: dict[str, list[float]] = {name: [] for name in _STATEMENTS}
    loaded: dict[str, list[str]] = {}
    for index in range(repeats + 1):
        for name, statement in _STATEMENTS.items():
            taken, loaded[name] = _in_interpreter(statement.format(generator=generator))
            if index:  # the first round reads the files into the file cache
                seconds[name].append(taken)
    timings = {name: Timing(tuple(values)) for name, values in seconds.items()}
    rows: list[dict[str, Cell]] = []
    for name, timing in timings.items():
        ratio = timing.over(timings["import jax"])
        rows.append(
            {
                "statement": name,
                "s": timing.median,
                "± %": timing.spread * 100,
                "over import jax": ratio.median,
                "ratio ± %": ratio.spread * 100,
                "loads": ", ".join(loaded[name]) or "none",
            }
        )
    note = f"Loads: which of {', '.join(HEAVY)}. Files were in the file cache."
    return Table(f"imports in {repeats} fresh processes each", rows, (note,))


def _in_interpreter(statement: str) -> tuple[float, list[str]]:
    """Seconds of a statement in a fresh interpreter, and the heavy modules it loaded."""
    # Not `in_fresh_process`, which imports this module, and JAX with it, first.
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(statement=statement, heavy=HEAVY)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{statement!r} failed in a fresh process:\n{done.stderr}")
    seconds, loaded = json.loads(done.stdout.splitlines()[-1])
    return seconds, loaded


def first_step(config: Config, *, repeats: int) -> Table:
    """Seconds from the start of a process to the end of its first training step, without and with a compilation cache.

    Args:
        config: settings of the run; its output folder is not used.
        repeats: number of cold starts, each with a new cache and followed by a warm start.
    """
    reached: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    size = 0.0
    for index in range(repeats):
        print(f"start: first step, {index + 1} of {repeats}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            for cache, rounds in reached.items():
                there = config.replace(out=Path(folder) / cache)
                rounds.append(in_fresh_process(reach_first_step, there, str(Path(folder) / "cache"), time.time()))
            size = mib(Path(folder) / "cache")
    totals = {cache: Timing(tuple(sum(times.values()) for times in rounds)) for cache, rounds in reached.items()}
    rows: list[dict[str, Cell]] = []
    for cache, rounds in reached.items():
        ratio = totals[cache].over(totals["cold"])
        rows.append(
            {
                "compilation cache": cache,
                **{f"{phase}, s": statistics.median(times[phase] for times in rounds) for phase in rounds[0]},
                "total, s": totals[cache].median,
                "± %": totals[cache].spread * 100,
                "over cold": ratio.median,
            }
        )
    title = f"first training step of --dataset {config.data.dataset} in {repeats} fresh processes each"
    note = (
        f"The cache takes {size:.1f} MiB. Import includes the interpreter; build: images, networks, data pipeline; "
        "open: checkpoints and logs; step: compilation and one step."
    )
    return Table(title, rows, (note,))


def reach_first_step(config: Config, cache: str, started: float) -> dict[str, float]:
    """Runs an experiment to the end of its first training step; call it in a fresh process.

    Args:
        config: settings of the run.
        cache: folder for the user's caches.
        started: `time.time()` just before this process was started.

    Returns:
        Seconds of each phase.
    """
    reached = {"start": started, "import": time.time()}

    def begin(run: RunConfig, trainer: Trainer, validation: Validation, *, batch_size: int) -> Outcome:
        reached["build"] = time.time()
        return loop.train(run, trainer, validation, batch_size=batch_size)

    class FirstStep(loop.Loop):
        def run(self) -> Outcome:
            reached["open"] = time.time()
            jax.block_until_ready(self._trainer.step(next(self._trainer.data)))
            reached["step"] = time.time()
            return Outcome(1, signal=signal.SIGINT)  # as if interrupted: no scores, no report

    os.environ["PCONV_JAX_CACHE"] = cache
    jax.config.update("jax_compilation_cache_dir", None)  # so that the run sets it
    with mock.patch.object(experiment, "train", begin), mock.patch.object(loop, "Loop", FirstStep), silence():
        experiment.run(config)
    names, times = list(reached), list(reached.values())
    return {name: after - before for name, before, after in zip(names[1:], times, times[1:], strict=False)}
