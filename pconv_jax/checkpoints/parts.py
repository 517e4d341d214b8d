"""Parts of a checkpoint: pytrees of arrays, and objects that know how to save themselves (Grain iterators)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


@dataclasses.dataclass(frozen=True)
class MetricsPart:
    """Metrics of a checkpoint as a part of it."""

    metrics: Mapping[str, float] | None

    def get_state(self) -> dict[str, float]:
        """The metrics; Orbax gives none back as None."""
        return dict(self.metrics or {})


def saves_itself(part: Any) -> bool:
    """Whether a part is an object with `save` and `load` of its own."""
    return not dataclasses.is_dataclass(part) and hasattr(part, "save") and hasattr(part, "load")


def copied(tree: Any) -> Any:
    """Arrays as NumPy copies: the training step reuses its buffers while Orbax still writes."""
    return jax.tree.map(lambda leaf: np.array(leaf), tree)


def blank(tree: Any) -> Any:
    """Empty NumPy arrays: Orbax restores into the type of array that it is given."""
    return jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), tree)


def check_shapes(loaded: Any, wanted: Any) -> None:
    """Compares shapes and dtypes: Orbax checks neither for NumPy arrays."""

    def check(path: Any, have: np.ndarray, want: np.ndarray) -> None:
        if have.shape != want.shape or have.dtype != want.dtype:
            raise ValueError(f"{jax.tree_util.keystr(path)} is {have.dtype}{have.shape}, not {want.dtype}{want.shape}")

    jax.tree_util.tree_map_with_path(check, loaded, wanted)
