"""Checkpoints through Orbax: the generator, the rest of the training state, and the position in the data.

A checkpoint directory holds a folder for each saved step, and the config of the networks, so that it is complete by
itself. Nothing here uses pickle.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np

from pconv_jax.checkpoints.orbax_errors import hide_logged_errors, why
from pconv_jax.common.errors import InputError, TrainingError
from pconv_jax.common.paths import given_path


class Checkpoints:
    """The checkpoints of one run: the latest few and the best are kept, the others removed.

    A context manager: leaving it waits for the save in progress. A save interrupted by a kill leaves no checkpoint
    behind, so those listed are complete.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        keep: int = 3,
        minimise: str = "validation_l1",
        metadata: Mapping[str, Any] | None = None,
    ):
        """Opens a directory of checkpoints, or creates it.

        Args:
            directory: where the checkpoints are or will be.
            keep: number of latest checkpoints to keep.
            minimise: metric that decides which checkpoint is best: the one with the smallest value.
            metadata: JSON values to store when the directory is created, such as configs; None to read only.

        Raises:
            InputError: `keep` is less than 1, or the directory cannot be opened.
        """
        from orbax.checkpoint import v1 as ocp

        if keep < 1:
            raise InputError(f"keep={keep} checkpoints must be at least 1, or training could not be resumed")
        training = ocp.training
        latest = training.preservation_policies.LatestN(keep)
        best = training.preservation_policies.BestN(
            get_metric_fn=self._score, reverse=True, n=1, keep_checkpoints_without_metrics=False
        )
        self._minimise = minimise
        self._saving: int | None = None  # step of the save that was begun last
        hide_logged_errors()
        try:
            self._checkpointer = training.Checkpointer(
                Path(directory).resolve(),
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),  # the caller decides when
                preservation_policy=training.preservation_policies.AnyPreservationPolicy([latest, best]),
                custom_metadata=None if metadata is None else dict(metadata),
                cleanup_tmp_directories=metadata is not None,  # a reader must not remove a save in progress
            )
        except Exception as error:  # of many types, as in `load`
            raise InputError(
                f"the checkpoints in {directory} cannot be opened ({why(error)}): repair them or choose another run"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._writing():
            self._checkpointer.close()

    @property
    def metadata(self) -> dict[str, Any]:
        """The JSON values that were stored when the directory was created.

        Raises:
            InputError: their file is missing or damaged.
        """
        try:
            return dict(self._checkpointer.root_metadata().custom_metadata or {})
        except Exception as error:  # of many types, as in `load`
            raise InputError(
                f"the config of these networks, {self._checkpointer.directory}/metadata, is missing or "
                f"damaged ({why(error)}): restore it, or choose another run"
            ) from error

    @property
    def latest(self) -> int | None:
        """Step of the latest checkpoint; None if there is no checkpoint."""
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    @property
    def best(self) -> int | None:
        """Step of the checkpoint with the smallest metric; None if no checkpoint was saved with it."""
        scores = {entry.step: self._score(entry.metrics) for entry in self._checkpointer.checkpoints}
        scores = {step: score for step, score in scores.items() if score < float("inf")}
        return min(scores, key=scores.__getitem__) if scores else None

    @property
    def best_or_latest(self) -> int | None:
        """Step of the best checkpoint by validation, or of the latest if none was validated."""
        return self.latest if self.best is None else self.best

    def _score(self, metrics: Any) -> float:
        # A checkpoint without a validation score (saved by an interrupt) ranks last.
        value = metrics.get(self._minimise) if isinstance(metrics, Mapping) else metrics
        if value is None:
            return float("inf")
        if not isinstance(value, int | float):
            raise InputError(
                f"a checkpoint in {self._checkpointer.directory} has {self._minimise}={str(value)[:80]!r}, which is "
                "not a number: restore its metrics, or choose another run"
            )
        return float(value)

    def save(self, step: int, parts: Mapping[str, Any], *, metrics: Mapping[str, float] | None = None) -> None:
        """Saves in the background; returns when the parts may change again.

        Args:
            step: number of steps taken; nothing happens if it is saved already.
            parts: by name, pytrees of arrays, or objects that know how to save themselves (Grain iterators).
            metrics: scores, including the one that decides which checkpoint is best.

        Raises:
            TrainingError: it cannot be written, or the one before, which was still being written.
        """
        if any(entry.step == step for entry in self._checkpointer.checkpoints):
            return
        copies = {name: part if _saves_itself(part) else _copy(part) for name, part in parts.items()}
        self.wait()
        self._saving = step
        with self._writing():
            self._checkpointer.save_checkpointables_async(step, copies, metrics=dict(metrics or {}))

    def load(self, parts: Mapping[str, Any], *, step: int | None = None) -> dict[str, Any]:
        """Loads parts of a checkpoint.

        Args:
            parts: by name, pytrees of arrays or `jax.ShapeDtypeStruct`s that give structure, shapes and dtypes, or
                objects that load themselves, which are changed in place. Parts that are not named are not read.
            step: which checkpoint; the latest if None.

        Returns:
            The parts, arrays as numpy arrays.

        Raises:
            InputError: there is no such checkpoint, or it cannot be read, or has another structure.
        """
        self.wait()
        directory = self._checkpointer.directory
        steps = [entry.step for entry in self._checkpointer.checkpoints]
        if not steps:
            raise InputError(f"{directory} holds no checkpoint: give the checkpoints folder of a run")
        if step is not None and step not in steps:
            raise InputError(f"{directory} holds no checkpoint of step {step}: it has {', '.join(map(str, steps))}")
        wanted = {name: part if _saves_itself(part) else _blank(part) for name, part in parts.items()}
        try:
            loaded = self._checkpointer.load_checkpointables(step, wanted)
            for name, part in wanted.items():
                if not _saves_itself(part):
                    _check_shapes(loaded[name], part)
            return loaded
        except Exception as error:  # Orbax and TensorStore raise many types, with the same meaning for the user
            raise InputError(
                f"the checkpoint of step {step or steps[-1]} in {directory} is damaged or belongs to another "
                f"configuration ({why(error)}): restore another step or start a new run"
            ) from error

    def wait(self) -> None:
        """Returns when the save in progress is on disk; TrainingError if it cannot be written."""
        with self._writing():
            self._checkpointer.wait()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of many types, as in `load`
            latest = self.latest
            kept = "no other was saved before" if latest is None else f"that of step {latest} is whole"
            raise TrainingError(
                f"the checkpoint of step {self._saving} cannot be written to {self._checkpointer.directory} "
                f"({why(error)}), and {kept}: make room or the folder writable, and --resume continues"
            ) from error


@contextlib.contextmanager
def open_checkpoints(directory: str | os.PathLike[str]) -> Iterator[Checkpoints]:
    """Opens the checkpoints of a run that has saved at least one.

    Args:
        directory: a folder of checkpoints, or the output folder of a run, which has them in `checkpoints`.

    Yields:
        The checkpoints.

    Raises:
        InputError: there is no such directory, or no checkpoint in it.
    """
    path = given_path(directory)
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    if not folder.is_dir():
        raise InputError(f"{path} is not a directory: give the output folder of a run, or its checkpoints folder")
    if not any(entry.is_dir() and entry.name.isdigit() for entry in folder.iterdir()):
        raise InputError(f"{folder} holds no checkpoint: give the output folder of a run that saved one")
    with Checkpoints(folder) as checkpoints:
        yield checkpoints


def _saves_itself(part: Any) -> bool:
    return not dataclasses.is_dataclass(part) and hasattr(part, "save") and hasattr(part, "load")


def _copy(tree: Any) -> Any:
    """Arrays as NumPy copies: the training step reuses its buffers while Orbax still writes."""
    return jax.tree.map(lambda leaf: np.array(leaf), tree)


def _blank(tree: Any) -> Any:
    """Empty NumPy arrays: Orbax restores into the type of array that it is given."""
    return jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), tree)


def _check_shapes(loaded: Any, wanted: Any) -> None:
    """Compares shapes and dtypes: Orbax checks neither for NumPy arrays."""

    def check(path: Any, have: np.ndarray, want: np.ndarray) -> None:
        if have.shape != want.shape or have.dtype != want.dtype:
            raise ValueError(f"{jax.tree_util.keystr(path)} is {have.dtype}{have.shape}, not {want.dtype}{want.shape}")

    jax.tree_util.tree_map_with_path(check, loaded, wanted)
