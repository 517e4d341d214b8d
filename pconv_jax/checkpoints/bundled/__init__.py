"""The bundled weights; README.md is their model card."""

from pathlib import Path

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
