"""The design of a study as a file that is written before its first run; another design is another study."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.studies.analysis import LEAST_SEEDS, LEVEL, POWER
from experiments.studies.options import Options
from experiments.studies.study import MARGINS, SELECTION_SEED, Budget, Study
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import is_unused

FILE = "design.json"
_FREE = (
    "out",
    "data_dir",
    "steps",
    "seeds",
    "images",
    "learning_rates",
)  # the budget has these, data are checked apart


def design(study: Study, budget: Budget, options: Options) -> dict[str, Any]:
    """All that is fixed before anything is trained, as JSON values."""
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
        InputError: the folder holds a study of another design or of an earlier version, or something else.
    """
    path = folder / FILE
    if path.exists():
        _refuse_others(folder, json.loads(path.read_text(encoding="utf-8")), wanted)
        return
    if (folder / "study.json").exists() or (folder / "runs").exists():
        raise InputError(
            f"{folder} holds a study of an earlier version, whose design was another one: choose another --out"
        )
    if not is_unused(folder):
        raise InputError(f"{folder} is not empty and holds no study: choose another --out")
    write_json(path, wanted)


def _refuse_others(folder: Path, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    changed = []
    for name in sorted(before.keys() | wanted.keys()):
        then, now = before.get(name), wanted.get(name)
        if name == "flags" and isinstance(then, dict) and isinstance(now, dict):
            pairs = [(f"--{flag.replace('_', '-')}", then.get(flag), now.get(flag)) for flag in sorted(then | now)]
        else:
            pairs = [(f"--{name.replace('_', '-')}" if name in _FREE else name, then, now)]
        changed += [f"{what} was {_short(old)} and is now {_short(new)}" for what, old, new in pairs if old != new]
    if changed:
        raise InputError(
            f"{folder} holds a study of another design ({'; '.join(changed)}): use the flags it was started with, or "
            "another --out"
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
