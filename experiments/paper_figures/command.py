"""Draws the figures that the flags ask for."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from experiments.paper_figures.architecture_drawing import figure_3_architecture
from experiments.paper_figures.figures import (
    figure_1_teaser,
    figure_2_irregular_holes,
    figure_4_loss_curve,
    figure_5_masks,
    figure_6_masked_images,
    figure_7_results,
)
from experiments.paper_figures.inputs import Inputs
from experiments.paper_figures.options import Flags
from pconv_jax.common.jax_start import prepare_jax


def draw(flags: Flags) -> list[Path]:
    """Draws the figures; fails before the first is written if anything is missing.

    Args:
        flags: which figures, of what, where to and how many rows.

    Returns:
        The files.

    Raises:
        InputError: something that the user can correct.
    """
    flags.check()
    prepare_jax()
    inputs = Inputs(flags)
    inputs.config.check()
    drawings = [_prepared(number, inputs) for number in flags.numbers]
    return [drawing(folder=flags.folder) for drawing in drawings]


def _prepared(number: int, inputs: Inputs) -> Callable[..., Path]:
    """A figure with all that it is drawn from, but for the folder."""
    rows, data = inputs.flags.rows, inputs.config.data
    match number:
        case 1:
            return partial(figure_1_teaser, inputs.results)
        case 2:
            return partial(figure_2_irregular_holes, *inputs.irregular_holes())
        case 3:
            return partial(figure_3_architecture, inputs.network, image_size=data.image_size)
        case 4:
            return partial(figure_4_loss_curve, inputs.losses, title=f"{inputs.run_name}: training", time=inputs.time)
        case 5:
            return partial(figure_5_masks, inputs.masks)
        case 6:
            return partial(figure_6_masked_images, inputs.examples, rows=rows)
        case _:
            return partial(figure_7_results, inputs.results, dataset=data.dataset, rows=rows)
