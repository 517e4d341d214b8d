"""What earlier commands left of a method beside its scores: composites, times and FID."""

import shutil
from collections.abc import Collection
from pathlib import Path

from experiments.evaluate.composites import composites_folder
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json
from pconv_jax.evaluation.times import remove_times


def fids_before(folder: Path) -> dict[str, float]:
    """Method -> FID of earlier commands for this folder, whose pairs are the same."""
    path = folder / "summary.json"
    if not path.exists():
        return {}
    try:
        found = read_json(path.read_bytes()).get("fid", {})
        return {name: float(value) for name, value in found.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it; scores do not depend on it") from error


def remove_leftovers(folder: Path, methods: Collection[str]) -> None:
    """Removes what is left of methods without scores: their names may stand for other methods now.

    Args:
        folder: the folder of the scores.
        methods: names of the methods.

    Raises:
        InputError: `summary.json` or `times.csv` is damaged.
    """
    fids = fids_before(folder)
    if not fids.keys().isdisjoint(methods):
        summary = read_json((folder / "summary.json").read_bytes())
        summary["fid"] = {name: fid for name, fid in fids.items() if name not in methods}
        write_json(folder / "summary.json", summary)
    remove_times(folder, methods)
    for name in methods:
        if composites_folder(folder, name).exists():
            shutil.rmtree(composites_folder(folder, name))
