"""The damage of training images: a mask and noise."""

import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pconv_jax import masks as drawn
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import is_number
from pconv_jax.common.whole_numbers import is_whole
from pconv_jax.data.folder_masks import check_mask_files, folder_mask, listed_masks
from pconv_jax.data.source import ListedFiles
from pconv_jax.masks.regions import centre_region, random_blocks, random_region

LineShape = Literal["straight", "strokes"]
MaskKind = Literal["lines", "centre", "random", "blocks", "folder"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Damage:
    """How images are damaged.

    Attributes:
        masks: what a mask is: lines; the centre, half as wide as the image, a random pattern over a quarter of it, or
            random blocks (Pathak et al.); or a file of a folder, rotated, cropped and dilated at random (Liu et al.).
        mask_dir: with --masks folder: the folder of its mask files, white = hole.
        overlap: with --masks centre: width of the hole's rim that stays valid, though the network predicts it, px: 4 in
            the release of Pathak et al.
        line_count: fewest and most lines drawn into a mask.
        line_thickness: thinnest and thickest line, px.
        line_shape: straight lines, or strokes: straight, bent and curved ones of similar thickness.
        noise: standard deviation of the Gaussian noise on training inputs, for pixel values in [0, 1].
    """

    masks: MaskKind = "lines"
    mask_dir: Path | None = None
    overlap: int = 4
    line_count: tuple[int, int] = (2, 8)
    line_thickness: tuple[int, int] = (1, 4)
    line_shape: LineShape = "straight"
    noise: float = 0.05

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        if self.masks not in get_args(MaskKind):
            raise InputError(f"masks={self.masks!r} must be one of {', '.join(get_args(MaskKind))}")
        if (self.masks == "folder") != (self.mask_dir is not None):
            raise InputError(
                "--masks folder and --mask-dir, the folder of the masks, go together: give both or neither"
            )
        drawn.check_range("line_count", self.line_count)
        drawn.check_range("line_thickness", self.line_thickness)
        if self.line_shape not in get_args(LineShape):
            raise InputError(f"line_shape={self.line_shape!r} must be one of {', '.join(get_args(LineShape))}")
        if not is_whole(self.overlap, least=0):
            raise InputError(f"overlap={self.overlap} must be a whole number of px, at least 0")
        noise: Any = self.noise
        if not (is_number(noise) or isinstance(noise, np.floating)) or not 0 <= noise < 1:
            raise InputError(f"noise={self.noise} must be a standard deviation of at least 0 and below 1")

    def check_files(self) -> None:
        """Reads all files that masks are made of, if any, so that none of them ends training later.

        Those that are there now are the ones that masks are drawn from.

        Raises:
            InputError: naming those that cannot be used.
        """
        if self.mask_dir is not None:
            check_mask_files(Path(self.mask_dir))

    def files(self) -> ListedFiles | None:
        """Which files masks are made of; None if of none."""
        return None if self.mask_dir is None else listed_masks(Path(self.mask_dir))

    def mask(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws a mask.

        Args:
            rng: random generator.
            size: S, the side in pixels.

        Returns:
            [S, S, 1], float32, 1 = valid, 0 = hole.

        Raises:
            InputError: a size too small for the kind of mask, or a folder without holes.
        """
        if self.masks == "centre":
            return centre_region(size, size, overlap=self.overlap)
        if self.masks == "random":
            return random_region(rng, size, size)
        if self.masks == "blocks":
            return random_blocks(rng, size, size)
        if self.mask_dir is not None:
            return folder_mask(rng, Path(self.mask_dir), size)
        draw = drawn.random_lines if self.line_shape == "straight" else drawn.random_strokes
        return draw(rng, size, size, count=self.line_count, thickness=self.line_thickness)
