"""The bundled weights; README.md is their model card."""

import os
from collections.abc import Mapping
from pathlib import Path

from pconv_jax.common.errors import InputError

DEFAULT_WEIGHTS = "faithful"
"""The bundled weights that photographs are restored with by default."""


def bundled_weights() -> dict[str, Path]:
    """Name -> file of the weights that ship with the package."""
    files = {path.stem: path for path in Path(__file__).parent.glob("*.safetensors")}
    return dict(sorted(files.items()))


DEFAULT_DETECTOR = "film"
"""The bundled detector that damage is looked for with by default."""


def bundled_detectors() -> dict[str, Path]:
    """Name -> file of the damage detectors that ship with the package."""
    files = {path.stem: path for path in (Path(__file__).parent / "detectors").glob("*.safetensors")}
    return dict(sorted(files.items()))


def named_place(weights: str | os.PathLike[str], bundled: Mapping[str, Path], *, kind: str) -> Path:
    """The path of weights that are given by name or as a file or folder, which need not exist; as `weights_path`.

    Raises:
        InputError: what is given is neither a name nor a path.
    """
    if not isinstance(weights, str | os.PathLike):
        raise InputError(f"{kind} must be given as a name or a path, not as {type(weights).__name__}")
    return bundled.get(str(weights), Path(weights))


def weights_path(
    weights: str | os.PathLike[str], bundled: Mapping[str, Path], *, kind: str, runs: bool = False
) -> Path:
    """The file of weights that are given by name or as a file.

    Args:
        weights: name of bundled weights, or a `.safetensors` file.
        bundled: from `bundled_weights` or `bundled_detectors`.
        kind: what they are, for the message: "weights" or "detector".
        runs: whether the caller takes folders of runs too, for the message.

    Returns:
        The file.

    Raises:
        InputError: neither a name nor a file.
    """
    path = named_place(weights, bundled, kind=kind)
    if not path.is_file():
        missing = "" if path.exists() else ", and no file or folder of that name exists"
        way_out = f"choose from {', '.join(bundled)}, or give" if bundled else "give"
        run = " or the folder of a run" if runs else ""
        raise InputError(f"unknown {kind} {str(weights)!r}{missing}: {way_out} a .safetensors file{run}")
    return path
