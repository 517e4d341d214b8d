"""A generator from a file that was loaded and checked before: it is read again without Flax, which takes a second."""

import dataclasses
import functools
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.checkpoints.tensors import by_name, decode, read_tensors
from pconv_jax.common.programs import KeptPrograms

if TYPE_CHECKING:
    from pconv_jax.checkpoints.trained import TrainedGenerator


@dataclasses.dataclass(frozen=True)
class RememberedConfig:
    """What inpainting asks of the config of a network whose programs are kept; a config of a network offers the same.

    Attributes:
        text: the config as text.
        widths: channels of each stage.
        image_size: side of the square images that it takes, px; None if it takes any.
        window_multiple: windows of a larger image must begin and end at multiples of this, px.
    """

    text: str
    widths: tuple[int, ...]
    image_size: int | None
    window_multiple: int

    def __str__(self) -> str:
        return self.text


class RememberedGenerator:
    """As much of a `TrainedGenerator` as inpainting in windows takes.

    Attributes:
        config: of the network.
        leaves: the arrays of its parameters and batch statistics, as `TrainedGenerator.leaves`.
        thickest_line: thickest line of the masks it was trained on, px; None if not known.
        training_masks: as `TrainedGenerator.training_masks`.
    """

    def __init__(self, path: Path, note: dict[str, Any]):
        """Reads the arrays.

        Args:
            path: the file.
            note: from `_note_of`, when the same file was loaded.
        """
        tensors, _ = read_tensors(path)
        self.leaves: list[jax.Array] = jax.device_put([decode(name, tensors, path) for name in note["names"]])
        self.config = RememberedConfig(**{**note["config"], "widths": tuple(note["config"]["widths"])})
        self.thickest_line: int | None = note["thickest_line"]
        self.training_masks: str | None = note["training_masks"]
        self._path = path

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
    path = bundled_weights().get(str(weights), Path(weights))
    name = f"weights {hashlib.sha256(path.read_bytes()).hexdigest()}" if programs and path.is_file() else ""
    note = programs.note(name) if programs and name else None
    if note is not None:
        return RememberedGenerator(path, note)
    from pconv_jax.checkpoints.weights_file import load_generator

    generator = load_generator(weights)
    if programs and name:
        programs.write_note(name, _note_of(generator))
    return generator


def _note_of(generator: "TrainedGenerator") -> dict[str, Any]:
    """What `RememberedGenerator` cannot know without the network, as JSON values."""
    config = generator.config
    about = RememberedConfig(str(config), config.widths, config.image_size, config.window_multiple)
    states = {"params": generator.params, "stats": generator.stats}
    return {
        "config": dataclasses.asdict(about),
        "names": [f"{part}/{name}" for part, state in states.items() for name in by_name(state)],
        "thickest_line": generator.thickest_line,
        "training_masks": generator.training_masks,
    }
