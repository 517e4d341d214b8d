"""A session on a rented or borrowed accelerator, such as a GPU: `python -m experiments.performance.accelerator`.

Tests the operation on it, measures operation and training step in bfloat16 beside PyTorch, and trains with the time
that is left. Each part is a process of its own with a limit: one that fails or hangs costs no other part.
"""

import contextlib
import dataclasses
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import tyro

from experiments.performance.__main__ import environment
from experiments.performance.timing import in_fresh_process
from experiments.train.training_time import TrainingTime, duration
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.output_folder import check_output_folder

WEIGHTS = "weights.safetensors"
LOG = "session.log"
_ROOT = Path(__file__).resolve().parents[2]
_TESTS = ("tests/ops", "tests/test_layers.py")  # the golden values among them; others need several devices
_TRIAL_STEPS = 200
_SHARES = {"tests": 0.15, "op": 0.15, "step": 0.15, "trial": 0.15}  # of the minutes that each may take at most
_OF_THE_REST = 0.9  # that training is planned for: validation and the last checkpoint take time as well
_WARMUP = 100  # steps, a twentieth of them at most
_EXPORT, _GRACE = 45.0, 20.0  # seconds: for the export, and for a process to end after a signal


@dataclasses.dataclass(frozen=True)
class Options:
    """What to train, and how long all of it may take.

    Attributes:
        data_dir: folder of photographs, with train and validation in it or split by the run.
        out: folder for what comes of it: session.json, the tables as JSON, session.log, the weights and the runs. It
            must not exist, or be empty.
        minutes: time for all parts together.
        preset: what to train.
        initial_weights: weights that training starts from.
        vgg_weights: weights of VGG16, which `sharp` needs.
        learning_rate: of the training, that of the preset if not given.
        generator: whose operation and step are measured.
        augment_on_device: make the training examples on the device: its host's cores may be too few for it.
        on_cpu: go on where JAX finds no accelerator, in float32.
    """

    data_dir: Path
    out: Path
    minutes: float = 12.0
    preset: Literal["faithful", "faithful-large", "sharp"] = "faithful-large"
    initial_weights: str | None = None
    vgg_weights: str | None = None
    learning_rate: float | None = None
    generator: Literal["paper", "64", "128", "tiny"] = "128"
    augment_on_device: bool = False
    on_cpu: bool = False

    def check(self) -> None:
        """Refuses what cannot be done, before anything is started.

        Raises:
            InputError: naming the flag and the way out.
        """
        if not 1 <= self.minutes < 24 * 60:
            raise InputError(f"--minutes is {self.minutes:g}, but it must be at least 1 and less than a day")
        if not self.data_dir.is_dir():
            raise InputError(f"--data-dir {self.data_dir} is not a folder: give one of photographs")
        if self.preset == "sharp" and self.vgg_weights is None:
            raise InputError("--preset sharp compares features of VGG16: give its weights by --vgg-weights")
        check_output_folder(self.out)
        if self.out.is_dir() and any(self.out.iterdir()):
            raise InputError(f"--out {self.out} is not empty: give another folder")


@dataclasses.dataclass(frozen=True)
class Part:
    """How a part went.

    Attributes:
        name: of the part.
        outcome: done, stopped at its limit, failed and how, or why it was not run.
        seconds: that it took.
    """

    name: str
    outcome: str
    seconds: float = 0.0


class Session:
    """The parts one after the other, and what came of them."""

    def __init__(self, options: Options, platform: str, about: Mapping[str, str]):
        """Starts the clock.

        Args:
            options: the flags, checked.
            platform: what JAX calls the accelerator's kind, such as cuda.
            about: the machine and the versions.
        """
        self._options, self._about, self._parts = options, about, list[Part]()
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        # Tests take a CPU if they are not told otherwise.
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": platform}
        self._precision = () if platform == "cpu" else ("--bfloat16",)  # which takes a CPU far longer
        self._end = time.monotonic() + 60 * options.minutes

    @property
    def _left(self) -> float:
        return self._end - time.monotonic()

    def run(self) -> list[Part]:
        """All parts; `session.json` is written after each."""
        out = self._options.out
        out.mkdir(parents=True, exist_ok=True)
        if importlib.util.find_spec("pytest") is None or not (_ROOT / _TESTS[0]).is_dir():
            self._note(Part("tests", "not run: pytest or the tests are not here"))
        else:
            self._do("tests", ["pytest", "-q", "-p", "no:cacheprovider", *(str(_ROOT / name) for name in _TESTS)])
        for suite in ("op", "step"):
            sizes = ["--image-sizes", "128", "--batch-sizes", "16", "--repeats", "10"]
            flags = ["--suites", suite, *self._precision, "--generator", self._options.generator, *sizes]
            self._do(suite, ["experiments.performance", *flags, "--json", str(out / f"{suite}.json")])
        self._train()
        return self._parts

    def _train(self) -> None:
        options, out = self._options, self._options.out
        self._do("trial", self._training("trial", _TRIAL_STEPS, "--test-images", "1"))
        rate = steps_a_second(out / "trial")
        if not rate:
            self._note(Part("training", f"failed: the trial took fewer than two steps in its time, see {LOG}"))
            return
        seconds = self._left - _EXPORT
        steps = max(1, int(rate * seconds * _OF_THE_REST))
        self._do("training", self._training("training", steps, "--test-images", "8"), limit=seconds)
        precision = "float32" if options.preset == "faithful" else "float16"
        flags = ("--latest", "--precision", precision)
        self._do("export", ["experiments.export", str(out / "training"), str(out / WEIGHTS), *flags], limit=2 * _EXPORT)

    def _training(self, name: str, steps: int, *flags: str) -> list[str]:
        every = str(max(1, steps // 4))
        given = {
            **dict.fromkeys(("--checkpoint-every", "--sample-every"), every),
            "--steps": steps,
            "--warmup": min(_WARMUP, steps // 20),
            "--initial-weights": self._options.initial_weights,
            "--vgg-weights": self._options.vgg_weights,
            "--learning-rate": self._options.learning_rate,
        }
        chosen = [part for flag, value in given.items() if value is not None for part in (flag, str(value))]
        where = ["--data-dir", str(self._options.data_dir), "--out", str(self._options.out / name)]
        if self._options.augment_on_device:
            flags = (*flags, "--augment-on-device")
        return ["experiments.run", "--preset", self._options.preset, *self._precision, *where, *chosen, *flags]

    def _do(self, name: str, module: Sequence[str], *, limit: float | None = None) -> None:
        """Runs a module of Python, by default for its share of the minutes at most."""
        limit = 60 * self._options.minutes * _SHARES[name] if limit is None else limit
        began = time.monotonic()
        print(f"{name}: at most {duration(limit)}, {duration(max(0, self._left))} left in all", flush=True)
        with (self._options.out / LOG).open("ab") as log:
            log.write(f"\n# {name}: {' '.join(module)}\n".encode())
            log.flush()
            outcome = _outcome([sys.executable, "-m", *module], self._environment, log, limit)
        self._note(Part(name, outcome, time.monotonic() - began))

    def _note(self, part: Part) -> None:
        self._parts.append(part)
        print(f"{part.name}: {part.outcome} after {duration(part.seconds)}", flush=True)
        parts = [dataclasses.asdict(each) for each in self._parts]
        write_json(self._options.out / "session.json", {**self._about, "parts": parts})


def _outcome(arguments: Sequence[str], environment: Mapping[str, str], log: Any, limit: float) -> str:
    """Runs a process: what it came to. At its limit it gets SIGTERM, at which a training saves."""
    process = subprocess.Popen(arguments, env=dict(environment), stdout=log, stderr=subprocess.STDOUT)
    try:
        code = process.wait(max(1.0, limit))
        return "done" if code == 0 else f"failed with exit code {code}, see {LOG}"
    except subprocess.TimeoutExpired:
        _end(process)
        return "stopped at its limit"
    except KeyboardInterrupt:
        _end(process)
        raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
        return
    process.kill()
    process.wait()


def steps_a_second(run: Path) -> float:
    """How fast a run trained; 0 if it did not."""
    with contextlib.suppress(InputError):
        trained = TrainingTime.read(run)
        if trained.wall_seconds > 0:  # of all steps but the first
            return (trained.steps - 1) / trained.wall_seconds
    return 0.0


def _machine() -> tuple[str, dict[str, str]]:
    """What JAX calls the platform that it takes, and what else timings depend on."""
    platform = jax.default_backend()
    if platform == "gpu":
        version = str(jax.devices()[0].client.platform_version)
        platform = "rocm" if "rocm" in version.lower() else "cuda"
    return platform, environment("python -m experiments.performance.accelerator")


@command()
def main(arguments: Sequence[str]) -> int:
    """Runs the parts; returns the exit code: 1 if one of them failed."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.performance.accelerator",
        description="Test, measure and train on an accelerator, within some minutes.",
    )
    options.check()
    # In a process of its own: JAX keeps most of a GPU's memory for the one that asks.
    platform, about = in_fresh_process(_machine)
    if platform == "cpu" and not options.on_cpu:
        raise InputError("JAX finds no accelerator here: install jax[cuda12] or jax[cuda13], or add --on-cpu")
    parts = Session(options, platform, about).run()
    failed = [part.name for part in parts if part.outcome.startswith("failed")]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
