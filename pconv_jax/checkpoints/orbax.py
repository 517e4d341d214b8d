"""Checkpoints through Orbax: the generator, the rest of the training state, and the position in the data.

A checkpoint directory holds a folder for each saved step, and the config of the networks, so that it is complete by
itself. Nothing here uses pickle. Checksums of all of it are kept among the notes of each checkpoint, and compared with
what is loaded.
"""

import contextlib
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

import jax

from pconv_jax.checkpoints.best_step import VALIDATION_L1, best_step, score
from pconv_jax.checkpoints.checksums import checksums, compare_checksums, other_name, saved_checksums, sealed, unsealed
from pconv_jax.checkpoints.damaged_folder import refusing_damaged_folder
from pconv_jax.checkpoints.folder_names import check_folder_names
from pconv_jax.checkpoints.orbax_errors import hide_logged_errors, hide_unawaited, why
from pconv_jax.checkpoints.parts import MetricsPart, blank, check_shapes, copied, saves_itself
from pconv_jax.checkpoints.saved_steps import checkpoints_folder, saved_steps
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
        minimise: str = VALIDATION_L1,
        metadata: Mapping[str, Any] | None = None,
    ):
        """Opens a directory of checkpoints, or creates it.

        Args:
            directory: where the checkpoints are or will be.
            keep: number of latest checkpoints to keep.
            minimise: metric that decides which checkpoint is best: the one with the smallest value.
            metadata: JSON values to store when the directory is created, such as configs; None to read only.

        Raises:
            InputError: `keep` is less than 1, or the directory cannot be opened, or used because of its name.
        """
        from orbax.checkpoint import v1 as ocp

        if keep < 1:
            raise InputError(f"keep={keep} checkpoints must be at least 1, or training could not be resumed")
        check_folder_names(directory, saving=metadata is not None)
        training = ocp.training
        latest = training.preservation_policies.LatestN(keep)
        best = training.preservation_policies.BestN(
            get_metric_fn=lambda metrics: score(metrics, minimise, self._directory),
            reverse=True,
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        self._minimise = minimise
        self._directory: Path = Path(directory).resolve()
        self._saving: int | None = None  # step of the save that was begun last
        self._response: Any = None  # of that save, until it is on disk
        hide_logged_errors()
        if metadata is not None:
            hide_unawaited()
        with refusing_damaged_folder(self._directory):
            self._checkpointer = _open_alone(
                self._directory,
                save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),  # the caller decides when
                preservation_policy=training.preservation_policies.AnyPreservationPolicy([latest, best]),
                custom_metadata=None if metadata is None else sealed(metadata),
                cleanup_tmp_directories=metadata is not None,  # a reader must not remove a save in progress
            )
        self._place = os.stat(self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        finally:
            with self._writing():
                self._checkpointer.close()

    @property
    def metadata(self) -> dict[str, Any]:
        """The JSON values that were stored when the directory was created.

        Raises:
            InputError: their file is missing or damaged.
        """
        try:
            return unsealed(self._checkpointer.root_metadata().custom_metadata or {})
        except Exception as error:  # of many types, as in `load`
            raise InputError(
                f"the config of these networks, {self._directory}/metadata, is missing or "
                f"damaged ({why(error)}): restore it, or choose another run"
            ) from error

    @property
    def latest(self) -> int | None:
        """Step of the latest checkpoint; None if there is no checkpoint."""
        latest = self._checkpointer.latest
        return None if latest is None else latest.step

    @property
    def best(self) -> int | None:
        """Step of the checkpoint with the smallest metric; None if no checkpoint was saved with it.

        Raises:
            InputError: metrics of a checkpoint are damaged.
        """
        return best_step(self._checkpointer.checkpoints, self._minimise, self._directory)

    @property
    def best_or_latest(self) -> int | None:
        """Step of the best checkpoint by validation, or of the latest if none was validated."""
        return self.latest if self.best is None else self.best

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
        copies = {name: part if saves_itself(part) else copied(part) for name, part in parts.items()}
        numbers = {name: float(value) for name, value in (metrics or {}).items()}  # those of NumPy are no JSON
        self.wait()
        self._saving = step
        with self._writing():
            if self._removed:
                raise FileNotFoundError(self._directory)
            self._response = self._checkpointer.save_checkpointables_async(
                step,
                copies,
                metrics=numbers,
                custom_metadata={"checksums": checksums({**copies, "metrics": MetricsPart(numbers)})},
            )

    def load(self, parts: Mapping[str, Any], *, step: int | None = None) -> dict[str, Any]:
        """Loads parts of a checkpoint.

        Args:
            parts: by name, pytrees of arrays or `jax.ShapeDtypeStruct`s that give structure, shapes and dtypes, or
                objects that load themselves, which are changed in place. Parts that are not named are not read.
            step: which checkpoint; the latest if None.

        Returns:
            The parts, arrays as numpy arrays.

        Raises:
            InputError: there is no such checkpoint, it is damaged, or it has another structure; an earlier one that is
                intact is named.
        """
        self.wait()
        steps = [entry.step for entry in self._checkpointer.checkpoints]
        if not steps:
            raise InputError(f"{self._directory} holds no checkpoint: give the checkpoints folder of a run")
        there = ", ".join(map(str, steps))
        if step is not None:
            try:
                step = operator.index(step)
            except TypeError as error:
                raise InputError(f"step={step!r} must be a whole number: one of {there}") from error
        if step is not None and step not in steps:
            raise InputError(f"{self._directory} holds no checkpoint of step {step!r}: it has {there}")
        chosen = steps[-1] if step is None else step
        try:
            return self._load(chosen, parts)
        except Exception as error:  # Orbax and TensorStore raise many types, with the same meaning for the user
            intact = self._intact([other for other in reversed(steps) if other < chosen], parts)
            way = (
                "restore it, or start a new run"
                if intact is None
                else f"delete {self._folder(chosen)}, and that of step {intact}, which is intact, takes its place"
            )
            raise InputError(
                f"the checkpoint of step {chosen} in {self._directory} is damaged or belongs to another configuration "
                f"({self._other_name(chosen, parts) or why(error)}): {way}"
            ) from error

    def has_arrays(self, part: str, name: str) -> bool:
        """Whether the latest checkpoint has arrays of this name in a part; False if it is too damaged to tell."""
        with contextlib.suppress(Exception):  # `load` says what is damaged
            tree = self._checkpointer.checkpointables_metadata(self.latest).metadata[part]
            return bool(jax.tree.leaves(tree[name]))
        return False

    def _load(self, step: int, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Parts of a checkpoint that are what was saved, and of the shapes that are wanted."""
        wanted = {name: part if saves_itself(part) else blank(part) for name, part in parts.items()}
        loaded = self._checkpointer.load_checkpointables(step, wanted)
        for name, part in wanted.items():
            if not saves_itself(part):
                check_shapes(loaded[name], part)
        changed = {name: part for name, part in wanted.items() if saves_itself(part)}
        compare_checksums(saved_checksums(self._folder(step)), {**loaded, **changed})
        return loaded

    def _intact(self, steps: Sequence[int], parts: Mapping[str, Any]) -> int | None:
        """The first of some checkpoints that can be loaded."""
        for step in steps:
            with contextlib.suppress(Exception):  # as in `load`
                self._load(step, parts)
                return step
        return None

    def _other_name(self, step: int, parts: Mapping[str, Any]) -> str | None:
        """What makes the structure of a checkpoint another one: Orbax does not say."""
        with contextlib.suppress(ValueError):  # the checksums are damaged too
            wanted = {name: blank(part) for name, part in parts.items() if not saves_itself(part)}
            return other_name(saved_checksums(self._folder(step)), wanted)
        return None

    def _folder(self, step: int) -> Path:
        return self._directory / str(step)

    def wait(self) -> None:
        """Returns when the save in progress is on disk; TrainingError if it cannot be written."""
        response, self._response = self._response, None
        if response is not None:
            with self._writing():
                response.result()  # which also ends the thread and the event loop of the save: nothing else does

    @property
    def _removed(self) -> bool:
        """Whether the directory was removed meanwhile: Orbax would make one that lacks the config."""
        with contextlib.suppress(FileNotFoundError):
            return not os.path.samestat(os.stat(self._directory), self._place)
        return True

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of many types, as in `load`
            latest = max(saved_steps(self._directory), default=None)
            kept = "there is no other" if latest is None else f"that of step {latest} is intact"
            reason = "the folder was removed" if self._removed else why(error)
            raise TrainingError(
                f"the checkpoint of step {self._saving} cannot be written to {self._directory} "
                f"({reason}), and {kept}: make room or the folder writable, and --resume continues"
            ) from error


@contextlib.contextmanager
def open_checkpoints(directory: str | os.PathLike[str], *, minimise: str = VALIDATION_L1) -> Iterator[Checkpoints]:
    """Opens the checkpoints of a run that has saved at least one.

    Args:
        directory: a folder of checkpoints, or the output folder of a run, which has them in `checkpoints`.
        minimise: metric that decides which of them is best, as for `Checkpoints`.

    Yields:
        The checkpoints.

    Raises:
        InputError: there is no such directory, or no checkpoint in it.
    """
    path, folder = given_path(directory), checkpoints_folder(directory)
    if not folder.is_dir():
        raise InputError(f"{path} is not a directory: give the output folder of a run, or its checkpoints folder")
    if not saved_steps(folder):
        raise InputError(f"{folder} holds no checkpoint: give the output folder of a run that saved one")
    with Checkpoints(folder, minimise=minimise) as checkpoints:
        yield checkpoints


def _open_alone(directory: Path, **options: Any) -> Any:
    """An Orbax `Checkpointer` that waits for no other process, as the state is the same on all: files as if alone."""
    from orbax.checkpoint import v1 as ocp

    context = ocp.Context()
    # Or the threads of a save whose folder cannot be made would wait minutes for it, and Python at its end for them.
    context.asynchronous.create_directories_asynchronously = False
    if jax.process_count() == 1:
        return ocp.training.Checkpointer(directory, context=context, **options)
    from orbax.checkpoint import checkpoint_manager

    directory.mkdir(parents=True, exist_ok=True)
    this = jax.process_index()
    context.multiprocessing.primary_host = this
    context.multiprocessing.active_processes = {this}
    context.multiprocessing.barrier_sync_key_prefix = f"host{this}"
    # Orbax creates no folder for some of the processes, and its Checkpointer cannot be told that the folder is there.
    with mock.patch.object(checkpoint_manager, "_create_root_directory"):
        return ocp.training.Checkpointer(directory, context=context, **options)
