"""Networks from files that were loaded and checked before: they are read again without Flax, which takes a second."""

import contextlib
import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from pconv_jax.checkpoints.bundled import bundled_detectors, bundled_weights, named_place
from pconv_jax.checkpoints.tensors import by_name, decode, read_tensors
from pconv_jax.common.programs import KeptPrograms

if TYPE_CHECKING:
    from pconv_jax.checkpoints.detector_file import TrainedDetector
    from pconv_jax.checkpoints.trained import TrainedGenerator


@dataclasses.dataclass(frozen=True)
class RememberedGeneratorConfig:
    """What inpainting asks of the config of a network whose programs are kept; a config of a network offers the same.

    Attributes:
        text: the config as text.
        widths: channels of each stage.
        image_size: side of the square images that it takes, px; None if it takes any.
        window_multiple: windows of a larger image must begin and end at multiples of this, px.
        exact_windows: as `AnyGeneratorConfig.exact_windows`.
    """

    text: str
    widths: tuple[int, ...]
    image_size: int | None
    window_multiple: int
    exact_windows: bool

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class RememberedDetectorConfig:
    """What looking for damage asks of a `DetectorConfig`.

    Attributes:
        text: the config as text.
        widths: as `DetectorConfig.widths`.
        blocks: as `DetectorConfig.blocks`.
        multiple: as `DetectorConfig.multiple`.
        context: as `DetectorConfig.context`.
    """

    text: str
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    multiple: int
    context: int

    def __str__(self) -> str:
        return self.text


class RememberedGenerator:
    """As much of a `TrainedGenerator` as inpainting in windows takes.

    Attributes:
        config: of the network.
        leaves: the arrays of its parameters and batch statistics, as `TrainedGenerator.leaves`.
        thickest_line: thickest line of the masks it was trained on, px; None if not known.
        training_masks: as `TrainedGenerator.training_masks`.
        draws_texture: as `TrainedGenerator.draws_texture`.
    """

    def __init__(self, path: Path, note: dict[str, Any]):
        """Reads the arrays.

        Args:
            path: the file.
            note: from `note_of`, when the same file was loaded.
        """
        self.leaves = _leaves(path, note)
        self.config = RememberedGeneratorConfig(**{**note["config"], "widths": tuple(note["config"]["widths"])})
        self.thickest_line: int | None = note["thickest_line"]
        self.training_masks: str | None = note["training_masks"]
        self.draws_texture: bool = note["draws_texture"]
        self._path = path

    @staticmethod
    def note_of(generator: "TrainedGenerator") -> dict[str, Any]:
        """What cannot be known without the network, as JSON values."""
        config = generator.config
        about = RememberedGeneratorConfig(
            str(config), config.widths, config.image_size, config.window_multiple, config.exact_windows
        )
        states = {"params": generator.params, "stats": generator.stats}
        return {
            "config": dataclasses.asdict(about),
            "names": [f"{part}/{name}" for part, state in states.items() for name in by_name(state)],
            "thickest_line": generator.thickest_line,
            "training_masks": generator.training_masks,
            "draws_texture": generator.draws_texture,
        }

    @property
    def graph(self) -> Any:
        """As `TrainedGenerator.graph`; loads the network, for a program that is not kept yet."""
        return self._trained.graph

    @property
    def structure(self) -> Any:
        """As `TrainedGenerator.structure`, likewise."""
        return self._trained.structure

    @functools.cached_property
    def _trained(self) -> "TrainedGenerator":
        from pconv_jax.checkpoints.weights_file import load_generator_weights

        return load_generator_weights(self._path)


class RememberedDetector:
    """As much of a `TrainedDetector` as looking for damage with kept programs takes.

    Attributes:
        config: of the network.
        leaves: the arrays of its parameters, as `TrainedDetector.leaves`.
    """

    def __init__(self, path: Path, note: dict[str, Any]):
        """Reads the arrays.

        Args:
            path: the file.
            note: from `note_of`, when the same file was loaded.
        """
        self.leaves = _leaves(path, note)
        sides = {name: tuple(note["config"][name]) for name in ("widths", "blocks")}
        self.config = RememberedDetectorConfig(**{**note["config"], **sides})
        self._path = path

    @staticmethod
    def note_of(detector: "TrainedDetector") -> dict[str, Any]:
        """What cannot be known without the network, as JSON values."""
        config = detector.config
        about = RememberedDetectorConfig(str(config), config.widths, config.blocks, config.multiple, config.context)
        return {"config": dataclasses.asdict(about), "names": [f"params/{name}" for name in by_name(detector.params)]}

    def program(self, margin: int, *, quick: bool = False) -> Any:
        """As `TrainedDetector.program`; loads the network, for a program that is not kept yet."""
        from pconv_jax.checkpoints.detector_file import load_detector

        return load_detector(self._path).program(margin, quick=quick)


def load_remembered(
    weights: str | os.PathLike[str], programs: KeptPrograms | None
) -> "TrainedGenerator | RememberedGenerator":
    """Loads a trained generator as `load_generator` does, sooner where a process has loaded the same file before.

    Args:
        weights: name of bundled weights, a `.safetensors` file, or the output folder of a training run.
        programs: where notes about files are kept, if they are.

    Returns:
        The generator.

    Raises:
        InputError: no such weights, or they cannot be read.
    """

    def load() -> "TrainedGenerator":
        from pconv_jax.checkpoints.weights_file import load_generator

        return load_generator(weights)

    return _remembered(named_place(weights, bundled_weights(), kind="weights"), programs, load, RememberedGenerator)


def load_remembered_detector(
    weights: str | os.PathLike[str], programs: KeptPrograms | None
) -> "TrainedDetector | RememberedDetector":
    """Loads a trained detector as `load_detector` does, sooner where a process has loaded the same file before.

    Args:
        weights: name of a bundled detector, or a `.safetensors` file.
        programs: where notes about files are kept, if they are.

    Returns:
        The detector.

    Raises:
        InputError: no such detector, or it cannot be read.
    """

    def load() -> "TrainedDetector":
        from pconv_jax.checkpoints.detector_file import load_detector

        return load_detector(weights)

    return _remembered(named_place(weights, bundled_detectors(), kind="detector"), programs, load, RememberedDetector)


def _remembered(
    path: Path,
    programs: KeptPrograms | None,
    load: Callable[[], Any],
    kind: type[RememberedGenerator] | type[RememberedDetector],
) -> Any:
    """What a file holds, by the note about it if there is one; otherwise it is loaded and noted."""
    if programs is None or not path.is_file():
        return load()
    name = f"{kind.__name__} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    if (note := programs.note(name)) is not None:
        with contextlib.suppress(KeyError, TypeError, AttributeError):  # somebody changed it
            return kind(path, note)
    trained = load()
    programs.write_note(name, kind.note_of(trained))
    return trained


def _leaves(path: Path, note: dict[str, Any]) -> list[jax.Array]:
    """The arrays of a file, in the order that they had when it was loaded."""
    tensors, _ = read_tensors(path)
    leaves: list[jax.Array] = jax.device_put([decode(name, tensors, path) for name in note["names"]])
    return leaves
