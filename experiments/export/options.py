"""The flags of the export."""

import dataclasses
from pathlib import Path
from typing import Literal, get_args

import tyro

from pconv_jax.checkpoints.tensors import Precision
from pconv_jax.common.errors import InputError

Format = Literal["safetensors", "stablehlo", "onnx"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What to save, and where.

    Attributes:
        run: output folder of a training run; or a .safetensors file, to save it in another way; or the name of bundled
            weights, if no folder or file has that name.
        out: the file to write, whose name ends in the format; an existing one is replaced.
        format: safetensors are weights for this project; stablehlo a program for JAX, with a .json of facts beside it;
            onnx a program for ONNX runtimes, which needs no JAX. Programs take images of any size. Both need
            the extra `export`.
        latest: save the latest checkpoint of a run, not the best by validation: L1 of a generator, which is not what
            adversarial and perceptual losses aim at, or the Jaccard coefficient of a detector. Only runs have several.
        precision: of the parameters in safetensors: float32, float16 (half the size) or int8 (a quarter).
        average: further runs (their best checkpoints), files or bundled weights of the same network, or of one with
            fewer blocks: the mean of all is saved, such as of weights that were trained further and those that they
            started from. What is given twice counts twice.
    """

    run: tyro.conf.Positional[Path]
    out: tyro.conf.Positional[Path]
    format: Format = "safetensors"
    latest: bool = False
    precision: Precision = "float32"
    average: tuple[Path, ...] = ()

    def check(self) -> None:
        """Refuses flags that do not go together.

        Raises:
            InputError: a file name that does not end in the format, or a precision for a program.
        """
        if self.out.suffix != f".{self.format}":
            raise InputError(f"{self.out} must end in .{self.format}{self._other_format()}")
        if self.format != "safetensors" and self.precision != "float32":
            raise InputError(f"--precision {self.precision} is for --format safetensors: programs are float32")

    def _other_format(self) -> str:
        """The flag that goes with the name of the file, if there is one."""
        named = self.out.suffix[1:]
        return f", or give --format {named}" if named in get_args(Format) else ""
