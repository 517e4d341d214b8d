"""The damage of training images: random lines and noise."""

import dataclasses
from typing import Literal, get_args

import numpy as np

from pconv_jax import masks
from pconv_jax.common.errors import InputError

LineShape = Literal["straight", "strokes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Damage:
    """How images are damaged.

    Attributes:
        line_count: fewest and most lines drawn into a mask.
        line_thickness: thinnest and thickest line, px.
        line_shape: straight lines, or strokes: straight, bent and curved ones of similar thickness.
        noise: standard deviation of the Gaussian noise on training inputs, for pixel values in [0, 1].
    """

    line_count: tuple[int, int] = (2, 8)
    line_thickness: tuple[int, int] = (1, 4)
    line_shape: LineShape = "straight"
    noise: float = 0.05

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        masks.check_range("count", self.line_count)
        masks.check_range("thickness", self.line_thickness)
        if self.line_shape not in get_args(LineShape):
            raise InputError(f"line_shape={self.line_shape!r} must be one of {', '.join(get_args(LineShape))}")
        if not 0 <= self.noise < float("inf"):
            raise InputError(f"noise={self.noise} must be a standard deviation of at least 0")

    def mask(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws a mask.

        Args:
            rng: random generator.
            size: S, the side in pixels.

        Returns:
            [S, S, 1], float32, 1 = valid, 0 = hole.
        """
        draw = masks.random_lines if self.line_shape == "straight" else masks.random_strokes
        return draw(rng, size, size, count=self.line_count, thickness=self.line_thickness)
