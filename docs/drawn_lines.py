"""Lines of a stated width, for the scripts that make the pictures of the documentation.

OpenCV's are up to 2 px wider than they say.
"""

import numpy as np

from pconv_jax.masks.drawing import disc_radius, draw_line, empty_canvas

Line = tuple[tuple[int, int], tuple[int, int], int]
"""(x, y) of the start and of the end, both in the image, and the width in px."""


def lines(height: int, width: int, *drawn: Line) -> np.ndarray:
    """A hole, bool [H, W], of lines."""
    widest = max(thickness for *_, thickness in drawn)
    canvas, hole = empty_canvas(height, width, widest)
    margin = disc_radius(widest)
    for (x0, y0), (x1, y1), thickness in drawn:
        draw_line(canvas, [x0 + margin, y0 + margin], [x1 + margin, y1 + margin], thickness)
    return hole
