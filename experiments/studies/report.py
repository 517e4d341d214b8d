"""The tables and the plot of a study."""

import math
from collections.abc import Sequence
from pathlib import Path

from experiments.studies.scores import StudyScores
from experiments.studies.study import Study
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.evaluation.markdown import heading, interval, markdown
from pconv_jax.evaluation.statistics import ALL

_DECIMALS = {"hole_psnr": 2, "hole_sharpness": 2}
_BESIDE = 6  # kinds of damage that leave room for a second panel beside the first


def tables(study: Study, results: StudyScores) -> str:
    """A table for each metric: conditions and buckets down, variants and classical methods across, in Markdown.

    Args:
        study: the study.
        results: what it measured.

    Returns:
        Markdown; variants have the 95 % interval of the mean over images, then the mean of each seed.
    """
    parts = []
    for metric in _measured(study, results):
        decimals = _DECIMALS.get(metric, 4)
        lines = [["damage", *results.variants, *results.classical]]
        for place in results.places():
            cells = []
            for variant in results.variants:
                seeds = " ".join(f"{seed:.{decimals}f}" for seed in results.by_seed(variant, metric, *place))
                cells.append(f"{interval(results.mean(variant, metric, *place), decimals)} ({seeds})")
            cells += [interval(results.mean(other, metric, *place), decimals) for other in results.classical]
            lines.append([_title(place, len(results.rows)), *cells])
        parts.append(f"**{_name(metric, results)}**\n\n{markdown(lines)}")
    return "\n\n".join(parts)


def plot(study: Study, results: StudyScores, path: Path) -> None:
    """Draws every metric over the damage, with intervals: a colour a variant, grey dashes for classical methods.

    Args:
        study: the study.
        results: what it measured.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure

    # Many conditions are shown as a whole, one or two by their buckets, so that everything fits.
    whole = len(results.rows) > 2
    shown = [place for place in results.places() if (place[1] == ALL) == whole]
    names = _measured(study, results)
    across = 1 if len(shown) > _BESIDE else 2
    down = math.ceil(len(names) / across)
    figure = Figure(figsize=(11.0, 0.4 + 3.7 * down), layout="constrained")
    figure.suptitle(study.claim, fontsize="medium")
    for index, name in enumerate(names):
        axes = figure.add_subplot(down, across, index + 1)
        methods = (*results.variants, *results.classical)
        for turn, method in enumerate(methods):
            means = [results.mean(method, name, *place) for place in shown]
            at = [x + 0.5 * (turn / max(1, len(methods) - 1) - 0.5) for x in range(len(shown))]
            centre = [float("nan") if mean.mean is None else mean.mean for mean in means]
            below = [0.0 if mean.low is None else middle - mean.low for mean, middle in zip(means, centre, strict=True)]
            above = [
                0.0 if mean.high is None else mean.high - middle for mean, middle in zip(means, centre, strict=True)
            ]
            own = method in results.variants
            axes.errorbar(
                at,
                centre,
                [below, above],
                fmt="o" if own else "x",
                markersize=5,
                capsize=2,
                linewidth=1.2,
                color=f"C{turn}" if own else str(0.25 + 0.15 * (turn - len(results.variants))),
                label=method,
            )
        axes.set_xticks(
            range(len(shown)),
            [_title(place, len(results.rows)) for place in shown],
            rotation=25,
            ha="right",
            fontsize="small",
        )
        axes.set_title(_name(name, results), fontsize="medium")
        axes.grid(alpha=0.25)
        if index == 0:
            axes.legend(fontsize="small", ncols=2)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)


def _measured(study: Study, results: StudyScores) -> Sequence[str]:
    return [metric for metric in study.metrics if results.column(metric) is not None]


def _name(metric: str, results: StudyScores) -> str:
    if metric == "distance":
        return f"{results.distance}, whole image (lower is better)"
    region, _, _ = metric.partition("_")
    title = "sharpness, log2 (0: as sharp as the truth)" if metric.endswith("sharpness") else heading(metric)
    return f"{title}, {'in the hole' if region == 'hole' else 'whole image'}"


def _title(place: tuple[str, str], conditions: int) -> str:
    condition, bucket = place
    if conditions == 1:
        return bucket
    return condition if bucket == ALL else f"{condition}: {bucket}"
