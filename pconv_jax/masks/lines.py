"""Random straight lines: the masks of the paper."""

import numpy as np
from numpy.typing import NDArray

from pconv_jax.masks.checks import check_generator, check_range, check_size
from pconv_jax.masks.drawing import as_mask, covering_thickness, disc_radius, draw_line, empty_canvas


def random_lines(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    count: tuple[int, int] = (4, 12),
    thickness: tuple[int, int] = (1, 3),
) -> NDArray[np.float32]:
    """A mask of straight lines with end points anywhere in the image.

    A line of thickness t covers the pixels whose centre is nearer than t / 2 to the segment between its end
    points, without anti-aliasing: exactly t pixels across where it runs along an axis, for odd and even t.
    (OpenCV's `line` draws 3, 5 and 5 pixels at thickness 2, 3 and 4, in 4.13 as in 5.0.)

    Args:
        rng: random generator.
        height: H in pixels, at least 1.
        width: W in pixels, at least 1.
        count: smallest and largest number of lines, both included; uniform.
        thickness: smallest and largest thickness in pixels, both included; uniform, drawn for each line. One that
            is twice the diagonal covers the image.

    Returns:
        Mask [H, W, 1], float32: 0 on the lines, 1 elsewhere. At least one pixel is a hole.

    Raises:
        InputError: no random generator, a size that is not whole numbers of at least 1, or a range that is not two
            whole numbers 1 <= low <= high.
    """
    check_generator(rng)
    height, width = check_size(height, width)
    min_count, max_count = check_range("count", count)
    min_thickness, max_thickness = check_range("thickness", thickness)
    widest = min(max_thickness, covering_thickness(height, width))  # thicker ones would take time and memory
    hole, inner = empty_canvas(height, width, widest)
    lines = rng.integers(min_count, max_count + 1)
    ends = rng.integers(0, (width, height), size=(lines, 2, 2))
    widths = rng.integers(min_thickness, max_thickness + 1, size=lines)
    margin = disc_radius(widest)
    for (start, end), line_width in zip((ends + margin).tolist(), widths.tolist(), strict=True):
        draw_line(hole, start, end, min(line_width, widest))
    return as_mask(inner)
