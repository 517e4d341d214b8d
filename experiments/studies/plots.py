"""The plot of a study: its primary comparisons, then every metric over the damage."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.studies.names import metric_title, place_title
from experiments.studies.primary import Judged
from experiments.studies.scores import StudyScores
from experiments.studies.study import Study
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.evaluation.statistics import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CLASSICAL = "xs^vDP*"  # a marker for each classical method
_LEGEND = 8  # columns
_BESIDE = 6  # kinds of damage that leave room for a second panel beside the first


def plot(study: Study, scores: StudyScores, judged: list[Judged], path: Path) -> None:
    """Draws a panel for each primary comparison, and one for each metric.

    Args:
        study: the study.
        scores: what it measured.
        judged: its primary comparisons.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure

    # Many conditions are shown as a whole, one or two by their buckets, so that everything fits.
    whole = len(scores.rows) > 2
    shown = [place for place in scores.places() if (place[1] == ALL) == whole]
    across = 1 if len(shown) > _BESIDE else 2
    down = math.ceil(len(scores.metrics) / across)
    first = 0.5 + 0.62 * len(judged)
    figure = Figure(figsize=(11.0, 0.4 + first + 3.7 * down), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[first, 3.7 * down], squeeze=False)[:, 0]
    figure.suptitle(study.claim, fontsize="medium")
    for axes, each in zip(above.subplots(len(judged), 1, squeeze=False)[:, 0], judged, strict=True):
        _draw_comparison(axes, each, scores)
    panels = below.subplots(down, across, squeeze=False).ravel()
    for axes, metric in zip(panels, scores.metrics, strict=False):
        _draw_metric(axes, metric, scores, shown)
    for axes in panels[len(scores.metrics) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    below.legend(handles, labels, loc="outside lower center", fontsize="small", ncols=min(len(labels), _LEGEND))
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)


def _draw_comparison(axes: "Axes", judged: Judged, scores: StudyScores) -> None:
    """A dot for each seed, the mean with the interval of all comparisons together, and the smallest of interest."""
    comparison, effect, interval = judged.comparison, judged.effect, judged.verdict.interval
    axes.axvline(0, color="0.3", linewidth=1)
    axes.axvline(comparison.sign * judged.margin, color="0.3", linewidth=1, linestyle=":")
    axes.plot(effect.by_seed, [0.0] * len(effect.by_seed), "o", color="C0", markersize=4, alpha=0.5)
    if effect.mean is not None and interval is not None:
        ends = [[effect.mean - interval[0]], [interval[1] - effect.mean]]
        axes.errorbar([effect.mean], [1.0], xerr=ends, fmt="D", color="C0", capsize=3)
    axes.set_ylim(-1, 2)
    axes.set_yticks([])
    axes.tick_params(labelsize="x-small")
    title = f"{comparison.arm} less {comparison.reference}, {comparison.condition}: {judged.verdict.word}"
    axes.set_title(f"{metric_title(comparison.metric, scores)}; {title}", fontsize="small", loc="left")


def _draw_metric(axes: "Axes", metric: str, scores: StudyScores, shown: list[tuple[str, str]]) -> None:
    """Means with intervals over the damage: a colour an arm, grey markers for classical methods."""
    methods = scores.methods
    for turn, method in enumerate(methods):
        means = [scores.mean(method, metric, *place) for place in shown]
        at = [x + 0.5 * (turn / max(1, len(methods) - 1) - 0.5) for x in range(len(shown))]
        centre = [float("nan") if mean.mean is None else mean.mean for mean in means]
        below = [0.0 if mean.low is None else middle - mean.low for mean, middle in zip(means, centre, strict=True)]
        above = [0.0 if mean.high is None else mean.high - middle for mean, middle in zip(means, centre, strict=True)]
        own = method in scores.arms
        axes.errorbar(
            at,
            centre,
            [below, above],
            fmt="o" if own else _CLASSICAL[(turn - len(scores.arms)) % len(_CLASSICAL)],
            markersize=5,
            capsize=2,
            linewidth=1.2,
            color=f"C{turn}" if own else str(0.25 + 0.12 * (turn - len(scores.arms))),
            label=method,
        )
    titles = [place_title(place, len(scores.rows)) for place in shown]
    axes.set_xticks(range(len(shown)), titles, rotation=25, ha="right", fontsize="small")
    axes.set_title(metric_title(metric, scores), fontsize="medium")
    axes.grid(alpha=0.25)
