"""The widest line that the paper's generator fills."""

import functools

import numpy as np
import pytest
from networks import parts, run
from paper_configs import SMALL

from pconv_jax.models import PaperConfig


def closes_in_one_dimension(width, *, stages, half):
    """The same on intervals: across a line, an image is one row of pixels. `half` a window lies on each side."""

    def see(valid, stride=1):
        padded = np.pad(valid, half)
        return np.array([padded[i : i + 2 * half + 1].any() for i in range(0, len(valid), stride)])

    def closes(offset, grid=2**stages):
        valid = np.ones((width // grid + 4) * grid, bool)
        valid[grid + offset : grid + offset + width] = False
        skips = []
        for _ in range(stages):
            skips.append(see(valid))
            valid = see(skips[-1], 2)
        for skip in reversed(skips):
            valid = see(see(valid.repeat(2) | skip))
        return see(valid).all()

    return all(closes(offset) for offset in range(2**stages))


def test_widest_line_of_one_stage_worked_by_hand():
    # Window 3. A hole of w rows is w - 2 after the first convolution. Of the second, with stride 2, the windows that
    # lie inside v rows are at most floor((v - 1) / 2); doubled they are twice as many rows, and the skip has no valid
    # pixel there. The three convolutions that follow take 2 rows each: 2 floor((w - 3) / 2) <= 6, so w <= 10.
    assert PaperConfig(widths=(5,)).widest_line() == 10
    # Window 5, likewise: 2 floor((w - 4 - 3) / 2) <= 12, so w <= 20.
    assert PaperConfig(widths=(5,), kernel_size=5).widest_line() == 20


@pytest.mark.parametrize(("stages", "kernel_size", "widest"), [(2, 3, 24), (4, 3, 108), (2, 5, 52)])
def test_widest_line_is_that_of_intervals(stages, kernel_size, widest):
    assert PaperConfig(widths=(8, 7, 6, 5)[:stages], kernel_size=kernel_size).widest_line() == widest
    of_intervals = functools.partial(closes_in_one_dimension, stages=stages, half=kernel_size // 2)
    assert of_intervals(widest)
    assert not of_intervals(widest + 1)


def test_the_last_plain_convolution_of_the_paper_closes_nothing():
    # One stage, worked as above: two convolutions follow, so 2 floor((w - 3) / 2) <= 4 and w <= 8.
    assert PaperConfig(widths=(5,), head="sigmoid").widest_line() == 8


def test_widest_line_is_what_a_network_with_features_closes(small):
    widest, size = SMALL.widest_line(), 64
    rows, columns = np.mgrid[:size, :size]

    def output(width):
        """Lines at every offset to the grid: along rows and columns, diagonal both ways, and in between."""
        masks = []
        for down, across, shift in [(1, 0, 0), (0, 1, 0), (1, 1, 10), (1, -1, 10), (2, 1, 0)]:
            distance = (down * rows + across * columns) / np.hypot(down, across)
            start = distance[size // 2, size // 2] - 14 + shift  # shifted where it would run into corners
            masks += [(distance < start + i) | (distance >= start + i + width) for i in range(SMALL.multiple)]
        masks = np.stack(masks)[..., None]
        images = np.full((*masks.shape[:-1], 3), 0.5, np.float32)
        return [np.asarray(a) for a in run(parts(small, train=False), images, masks)[0]]

    filled, left = output(widest)
    assert left.all()
    assert filled.any(axis=-1).all()
    filled, left = output(widest + 1)
    assert not left[: SMALL.multiple].all()  # some offset along the rows
    np.testing.assert_array_equal(filled.any(axis=-1, keepdims=True), left)  # what is left is black
