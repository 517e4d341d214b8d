"""Loss curves, written as PNG files."""

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3  # panels beside each other


def loss_curve(
    history: Mapping[str, npt.ArrayLike],
    steps: npt.ArrayLike,
    path: str | os.PathLike[str],
    *,
    title: str,
    units: Mapping[str, str] | None = None,
) -> None:
    """Draws each loss over the training steps in a panel of its own: values pale, their running mean dark.

    The mean is over 2 % of the values, and left out of histories too short for that. A panel is logarithmic
    where the mean spans more than a factor of five.

    Args:
      history: name -> one value per entry of `steps`; names become titles, with blanks for underscores.
      steps: the training steps at which the losses were recorded, increasing.
      path: PNG file to write; its folder is created.
      title: heading of the whole figure.
      units: name -> unit of that loss, for its axis, such as "nats"; a loss without one has none.

    Raises:
      InputError: the history is empty, does not match the steps, or holds NaN or infinite values.
    """
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    at = np.asarray(steps)
    curves = _curves(history, at)
    across = min(_COLUMNS, len(curves))
    down = math.ceil(len(curves) / across)
    figure = Figure(figsize=(4.2 * across, 0.4 + 2.9 * down), layout="constrained")
    figure.suptitle(title)
    for index, (name, values) in enumerate(curves.items()):
        axes = figure.add_subplot(down, across, index + 1)
        _panel(axes, at, values, legend=index == 0)
        axes.set_title(name.replace("_", " "), fontsize="medium")
        axes.set_ylabel(f"loss ({units[name]})" if units and name in units else "loss")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _panel(axes: "Axes", steps: np.ndarray, values: np.ndarray, *, legend: bool) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    smooth = _running_mean(values, len(values) // 100)
    if len(values) < 100:
        axes.plot(steps, values, "o-", color="tab:blue", markersize=3, linewidth=1.2)
    else:
        axes.plot(steps, values, color="tab:blue", alpha=0.3, linewidth=0.8, label="recorded")
        axes.plot(steps, smooth, color="tab:blue", linewidth=1.6, label="running mean")
        if legend:
            axes.legend(loc="upper right", fontsize="small")
    if values.min() > 0 and smooth.max() > 5 * smooth.min():
        axes.set_yscale("log")
        few_decades = values.max() < 100 * values.min()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)


def _curves(history: Mapping[str, npt.ArrayLike], steps: np.ndarray) -> dict[str, np.ndarray]:
    if not history or not steps.size:
        raise InputError(f"no loss to draw: {len(history)} losses at {steps.size} steps were recorded")
    if steps.ndim != 1 or (np.diff(steps) <= 0).any():
        raise InputError("the steps of a loss curve must be a list of increasing numbers")
    curves = {name: np.asarray(values, np.float64) for name, values in history.items()}
    for name, values in curves.items():
        if values.shape != steps.shape:
            raise InputError(f"loss {name!r} has shape {values.shape}, but the steps have shape {steps.shape}")
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise InputError(f"loss {name!r} is {values[bad[0]]} at step {steps[bad[0]]}: draw what came before it")
    return curves


def _running_mean(values: np.ndarray, half: int) -> np.ndarray:
    index = np.arange(len(values))
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[last] - sums[first]) / (last - first)
