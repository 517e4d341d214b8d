"""The weights that come with the package; README.md is their model card."""

from pathlib import Path

DEFAULT_WEIGHTS = "faithful"
"""What photographs are restored with unless something else is asked for."""


def released() -> dict[str, Path]:
    """The weights that come with the package: their names, and the files."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.safetensors"))}
