"""What a study was run with, for its page: the command, versions, every setting, the chosen learning rates, time."""

import dataclasses
import math
import platform
import shlex
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.studies.options import Options
from experiments.studies.scores import StudyScores
from experiments.studies.selection import Choice
from experiments.studies.study import SELECTION_SEED, Budget, Study
from experiments.train.config import Config
from experiments.train.training_time import TrainingTime, duration
from pconv_jax.common.versions import package_versions
from pconv_jax.evaluation.markdown import markdown

_PACKAGES = ("pconv_jax", "jax", "flax", "optax", "numpy", "scipy", "opencv-contrib-python-headless", "scikit-image")
# Where things lie, and what differs between the runs of every arm.
_LEFT_OUT = ("out", "data_dir", "resume", "seed", "workers", "mapping", "vgg_weights")


def command_line(options: Options) -> str:
    """The command with the flags that are not the defaults."""
    words = ["python", "-m", "experiments.studies", options.study]
    for field in dataclasses.fields(Options):
        value = getattr(options, field.name)
        if field.name != "study" and value != field.default:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{field.name.replace('_', '-')}", *(str(each) for each in values)]
    return shlex.join(words)


def versions() -> dict[str, str]:
    """Versions of what the scores depend on."""
    return {"python": platform.python_version(), **package_versions(*_PACKAGES)}


def settings_table(runs: Mapping[str, Config]) -> str:
    """Every setting of training, and which arms have another than the first.

    Args:
        runs: arm -> one of its runs.

    Returns:
        Markdown.
    """
    (first, common), *others = ((name, _settings(config)) for name, config in runs.items())
    lines = [["setting", first, "other arms"]]
    for name, value in common.items():
        differ = [f"{arm}: {_text(found.get(name))}" for arm, found in others if found.get(name) != value]
        lines.append([name, _text(value), "; ".join(differ)])
    return markdown(lines, text=3)


def evaluation_table(study: Study, scores: StudyScores, budget: Budget, options: Options) -> str:
    """What the arms were scored on.

    Args:
        study: the study.
        scores: what it measured; the test split may have fewer images than the budget.
        budget: what every arm got.
        options: the flags.

    Returns:
        Markdown.
    """
    kinds = "; ".join(f"{each.name}: masks {each.masks}, noise {each.noise:g}" for each in study.conditions)
    lines = [
        ["setting", "value"],
        ["seeds of each arm", str(budget.seeds)],
        ["test images", f"the first {scores.images} of the test split of {options.dataset}, middle squares, resized"],
        ["damage (version 1, seed 0)", kinds],
        ["classical methods", ", ".join(study.classical)],
        ["VGG weights", Path(options.vgg_weights).name],
        ["VGG layers of the distance", ", ".join(budget.vgg_layers)],
        ["LPIPS", "measured" if options.lpips_weights else "not measured: no --lpips-weights"],
        ["FID", "measured" if options.fid_weights else "not measured: no --fid-weights"],
    ]
    return markdown(lines, text=2)


def choice_table(choices: Mapping[str, Choice]) -> str:
    """Validation errors of every arm at every learning rate, and the chosen one."""
    rates = sorted({rate for choice in choices.values() for rate in choice.errors})
    if not rates:
        given = ", ".join(f"{name} {choice.rate:g}" for name, choice in choices.items())
        return f"One learning rate was given, and none was chosen: {given}."
    lines = [["L1 in the holes of validation images", *(f"{rate:g}" for rate in rates), "chosen"]]
    for name, choice in choices.items():
        cells = ["diverged" if math.isinf(choice.errors[rate]) else f"{choice.errors[rate]:.5f}" for rate in rates]
        lines.append([name, *cells, f"{choice.rate:g}{' (edge of the grid)' if choice.at_edge else ''}"])
    return (
        f"One run for each learning rate of the generator, seed {SELECTION_SEED}, which is not scored; the lowest "
        f"error of its checkpoints, raw output on clean inputs, the same for all arms.\n\n{markdown(lines)}"
    )


def time_table(runs: Mapping[str, Sequence[Config]]) -> str:
    """The time that training took, by arm: medians of its runs."""
    lines = [["arm", "runs", "steps", "CPU time of a run", "wall time of a run"]]
    for name, configs in runs.items():
        times = [TrainingTime.read(config.run.out) for config in configs]
        cpu = [time.cpu_seconds + time.compilation_cpu_seconds + time.other_cpu_seconds for time in times]
        wall = [time.wall_seconds + time.compilation_wall_seconds + time.other_wall_seconds for time in times]
        medians = (duration(statistics.median(values)) for values in (cpu, wall))
        lines.append([name, str(len(times)), str(configs[0].run.steps), *medians])
    return markdown(lines)


def _settings(config: Config) -> dict[str, Any]:
    return {name: value for name, value in config.to_json().items() if name not in _LEFT_OUT}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_text(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
