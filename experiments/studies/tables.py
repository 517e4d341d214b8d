"""The tables of a study's scores, in Markdown."""

from collections.abc import Sequence

from experiments.studies.analysis import LEAST_IMAGES, LEAST_SEEDS, Effect
from experiments.studies.names import decimals, direction, metric_title, place_title, signed, signed_interval
from experiments.studies.primary import Judged
from experiments.studies.scores import StudyScores
from pconv_jax.evaluation.markdown import interval, markdown

_RULE = (
    "An effect is the mean gain over seeds and images; every training run is a unit, and so is every image "
    "(crossed random effects, `experiments/studies/analysis.py`). Its interval is that of all comparisons together at "
    "95 %. Held: p by Holm's method below 5 %, on the predicted side. Not held: the opposite is as sure, or the whole "
    "interval is below the smallest effect of interest, which was fixed beforehand. A verdict needs "
    f"{LEAST_SEEDS} seeds and {LEAST_IMAGES} images of as many photographs."
)


def verdict_table(judged: Sequence[Judged], scores: StudyScores) -> str:
    """The primary comparisons, their effects and verdicts."""
    heads = ("effect", "interval", "seeds", "p", "of interest from", "seen from (80 % power)", "verdict")
    lines = [["the claim predicts", *heads]]
    for each in judged:
        comparison, verdict, places = each.comparison, each.verdict, decimals(each.comparison.metric)
        lines.append(
            [
                f"{comparison.arm} over {comparison.reference}, {comparison.condition}: "
                f"{direction(comparison.metric, comparison.sign)} {metric_title(comparison.metric, scores)}",
                signed(each.effect.mean, places),
                signed_interval(verdict.interval, places),
                " ".join(signed(seed, places) for seed in each.effect.by_seed),
                "-" if verdict.p is None else f"{verdict.p:.3f}",
                signed(comparison.sign * each.margin, places),
                "-" if verdict.detectable is None else f"{verdict.detectable:.{places}f}",
                verdict.word,
            ]
        )
    return f"{markdown(lines)}\n\n{_RULE}"


def alarm_table(alarms: dict[str, tuple[float, float]], scores: StudyScores, runs: int) -> str:
    """How often halves of equal runs are called different, by this rule and by the former one."""
    lines = [["metric", "called different at 5 %", "by the rule of earlier studies, two seeds"]]
    lines += [
        [metric_title(metric, scores), f"{here:.1%}", f"{before:.1%}"] for metric, (here, before) in alarms.items()
    ]
    return (
        f"The {runs} runs of one arm, split at random into two halves of pairs 1000 times: the halves differ by chance "
        "alone, and halves of the same runs are not independent. The rule of earlier studies: the interval over images "
        f"alone leaves out 0, and both seeds have the same sign.\n\n{markdown(lines)}"
    )


def score_tables(scores: StudyScores) -> str:
    """For each metric the means, and the gains of the arms over the first one and over classical methods."""
    parts = []
    for metric in scores.metrics:
        parts += [f"**{metric_title(metric, scores)}**", _means(metric, scores), _gains(metric, scores)]
    return "\n\n".join(parts)


def _means(metric: str, scores: StudyScores) -> str:
    places = decimals(metric)
    lines = [["damage", *scores.methods]]
    for place in scores.places():
        cells = []
        for method in scores.methods:
            cell = interval(scores.mean(method, metric, *place), places)
            if method in scores.arms:
                seeds = " ".join(f"{seed:.{places}f}" for seed in scores.by_seed(method, metric, *place))
                cell += f" ({seeds})"
            cells.append(cell)
        lines.append([place_title(place, len(scores.rows)), *cells])
    return markdown(lines)


def _gains(metric: str, scores: StudyScores) -> str:
    reference, *others = scores.arms
    columns = (reference, *scores.classical)
    lines = [["secondary, not corrected", "", *(f"over {column}" for column in columns)]]
    for condition in scores.rows:
        for arm in (reference, *others):
            cells = [
                "" if arm == over else _gain(scores.effect(arm, over, metric, condition), metric) for over in columns
            ]
            lines.append([condition, arm, *cells])
    return markdown(lines, text=2)


def _gain(effect: Effect, metric: str) -> str:
    ends = effect.interval()
    return signed(effect.mean, decimals(metric)) + (f" {signed_interval(ends, decimals(metric))}" if ends else "")


def fid_table(scores: StudyScores) -> str:
    """FID of each method over all pairs of a condition: the mean of the seeds, and each."""
    lines = [["damage", *scores.methods]]
    for condition, fids in scores.fids.items():
        cells = []
        for method in scores.methods:
            found = [fids[f"{method}-{seed}"] for seed in scores.arms.get(method, ())] or [fids[method]]
            each = f" ({' '.join(f'{fid:.2f}' for fid in found)})" if len(found) > 1 else ""
            cells.append(f"{sum(found) / len(found):.2f}{each}")
        lines.append([condition, *cells])
    return f"**FID** (of sets of images; says little of fewer than thousands)\n\n{markdown(lines)}"
