"""The design of a study as a file that is written before its first run; another design is another study."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.studies.analysis import LEAST_SEEDS, LEVEL, POWER
from experiments.studies.options import Options
from experiments.studies.study import MARGINS, SELECTION_SEED, Budget, Study
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import is_unused
from pconv_jax.common.json_values import read_json

FILE = "design.json"
_FREE = (
    "out",
    "data_dir",
    "steps",
    "seeds",
    "images",
    "learning_rates",
)  # the budget has these, data are checked apart
_MAY_MOVE = ("--lpips-weights", "--fid-weights")  # what they hold is checked when they are opened


def design(study: Study, budget: Budget, options: Options, distances: Mapping[str, Any]) -> dict[str, Any]:
    """All that is fixed before anything is trained, as JSON values.

    Args:
        study: the study.
        budget: what every arm gets.
        options: the flags.
        distances: name -> identity of the perceptual distances that it will be scored with.

    Returns:
        The design.
    """
    flags = {name: value for name, value in dataclasses.asdict(options).items() if name not in _FREE}
    content = {
        "claim": study.claim,
        "arms": {arm.name: {"changes": dict(arm.changes), "repeats": arm.repeats} for arm in study.arms},
        "conditions": [dataclasses.asdict(condition) for condition in study.conditions],
        "classical": study.classical,
        "primary": [dataclasses.asdict(comparison) for comparison in study.primary],
        "smallest_effects_of_interest": dict(MARGINS),
        "analysis": {"level": LEVEL, "power": POWER, "least_seeds": LEAST_SEEDS, "correction": "Holm"},
        "flags": flags,
        "distances": distances,
        **budget.settings,
        "learning_rates": budget.learning_rates,
        "seeds": budget.seeds,
        "selection_seed": SELECTION_SEED,
        "images": budget.images,
    }
    return dict(json.loads(json.dumps(content, default=str)))


def record(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Writes the design to the folder of a study, or checks that it is the one there.

    Args:
        folder: the folder.
        wanted: the design.

    Raises:
        InputError: the folder holds a study of another design or of an earlier version, or something else, or its
            record is damaged.
    """
    path = folder / FILE
    if path.exists():
        _refuse_others(folder, _read(path), wanted)
        return
    if (folder / "study.json").exists() or (folder / "runs").exists():
        raise InputError(
            f"{folder} holds a study of an earlier version, whose design was another one: choose another --out"
        )
    if not is_unused(folder):
        raise InputError(f"{folder} is not empty and holds no study: choose another --out")
    write_json(path, wanted)


def _read(path: Path) -> dict[str, Any]:
    try:
        before = read_json(path.read_bytes())
        if not isinstance(before, dict):
            raise ValueError("it is not a JSON object")
        if isinstance(flags := before.get("flags"), dict):  # --dataset was named --data
            before["flags"] = {"dataset" if name == "data" else name: value for name, value in flags.items()}
        return before
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): restore it, or choose another --out") from error


def _refuse_others(folder: Path, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    later = () if "distances" in before else ("distances",)  # designs of before lack it
    then, now = dict(_entries(before)), dict(_entries({name: wanted[name] for name in wanted if name not in later}))
    changed = [
        f"{name} was {_short(then.get(name))} and is now {_short(now.get(name))}"
        for name in then | now
        if _differ(name, then.get(name), now.get(name))
    ]
    if changed:
        raise InputError(
            f"{folder} holds a study of another design ({'; '.join(changed)}): use the flags it was started with, or "
            "another --out"
        )


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a design consists of, by names that a user knows."""
    for name, value in content.items():
        if name == "flags" and isinstance(value, dict):
            yield from ((f"--{flag.replace('_', '-')}", given) for flag, given in value.items())
        elif name == "distances" and isinstance(value, dict):
            yield from value.items()
        else:
            yield f"--{name.replace('_', '-')}" if name in _FREE else name, value


def _differ(name: str, then: Any, now: Any) -> bool:
    return (then is None) != (now is None) if name in _MAY_MOVE else bool(then != now)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
