"""Flags of the paper's figures."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from experiments.train.sections import GeneratorName
from pconv_jax.common.errors import InputError
from pconv_jax.common.output_folder import check_output_folder

_ALL = (1, 2, 3, 4, 5, 6, 7)
_OF_RUN, _OF_NETWORK = 4, 3  # the one that only a run has, and the one that needs no weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """What to draw, and from what.

    Attributes:
        run: output folder of `python -m experiments.run`; with --weights it needs no checkpoint.
        out: folder for the figures; RUN/paper_figures if not given, and runs/paper_figures without a run.
        figures: numbers of the figures to draw; if not given, all of 1 to 7 that there is something for: with a run
            all, with --weights all but 4 (the loss curve of a run), with --generator alone only 3.
        weights: network in place of the run's: bundled weights, such as paper-dtd, or a file of weights. Without a
            run, those that were trained on a folder of masks are drawn with lines.
        images: folder of images in place of the run's, all of them for training and test figures; without a run the
            photographs embedded in scikit-image if not given.
        image_size: side of the squares that are cut from the images, px; as in training if not given.
        liu_weights: network of figure 2, bundled weights or a file, unless the one drawn is Liu's itself.
        generator: network of figure 3, as it is by default, in place of the one drawn.
        rows: examples in figures 2, 6 and 7.
    """

    run: Annotated[Path | None, tyro.conf.Positional] = None
    out: Path | None = None
    figures: tuple[int, ...] = ()
    weights: str | None = None
    images: Path | None = None
    image_size: int | None = None
    liu_weights: str = "liu-celeba"
    generator: GeneratorName | None = None
    rows: int = 6

    def check(self) -> None:
        """Refuses values that make no sense, before anything is loaded or written.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        for name in ("rows", "image_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} is {value}, but it must be at least 1")
        if self.run is None and self.weights is None and self.generator is None:
            raise InputError("nothing to draw: give the folder of a run, --weights, or --generator for figure 3 alone")
        for number in self.figures:
            if number not in _ALL:
                raise InputError(f"--figures has {number}, but the figures are 1 to 7")
            if number not in self._possible:
                needed = "a run" if self.weights is not None else "a run or --weights"
                raise InputError(f"--figures has {number}, which needs {needed}: give the folder of a run")
        if self.images is not None and not self.images.is_dir():
            raise InputError(f"--images {self.images} is not a folder: give the one that your images are in")
        check_output_folder(self.folder)

    @property
    def folder(self) -> Path:
        """Where the figures go."""
        return self.out or (self.run or Path("runs")) / "paper_figures"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The figures to draw, ascending."""
        return tuple(sorted(set(self.figures or self._possible)))

    @property
    def _possible(self) -> tuple[int, ...]:
        """The figures that there is something for."""
        if self.run is not None:
            return _ALL
        return tuple(number for number in _ALL if number != _OF_RUN) if self.weights is not None else (_OF_NETWORK,)
