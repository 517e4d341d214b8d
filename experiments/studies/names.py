"""What tables and plots call metrics and kinds of damage."""

from experiments.studies.scores import StudyScores
from pconv_jax.evaluation.markdown import heading
from pconv_jax.evaluation.statistics import ALL

_DECIMALS = {"hole_psnr": 2, "hole_sharpness": 2, "naturalness": 3}
_TITLES = {
    "hole_sharpness": "sharpness in the hole, log2 (0: as sharp as the truth)",
    "naturalness": "unlike its surroundings, no reference, octaves (lower is better)",
}


def decimals(metric: str) -> int:
    """As many decimals as a metric deserves."""
    return _DECIMALS.get(metric, 4)


def metric_title(metric: str, scores: StudyScores) -> str:
    """A metric with its unit and region."""
    column = scores.column(metric)
    if column in scores.distances:
        return f"{column}, whole image (lower is better)"
    return _TITLES.get(metric, f"{heading(metric)}, in the hole")


def direction(metric: str, sign: int) -> str:
    """Which way a metric goes by a claim, as a word before its title; "unlike its surroundings" is more or less so."""
    more, less = ("more", "less") if metric == "naturalness" else ("higher", "lower")
    return more if sign > 0 else less


def place_title(place: tuple[str, str], conditions: int) -> str:
    """A condition and bucket, without the condition where there is only one."""
    condition, bucket = place
    if conditions == 1:
        return bucket
    return condition if bucket == ALL else f"{condition}: {bucket}"


def signed(value: float | None, places: int) -> str:
    """`+0.31`, or `-` where there is none."""
    return "-" if value is None else f"{value:+.{places}f}"


def signed_interval(ends: tuple[float, float] | None, places: int) -> str:
    """`[+0.21, +0.40]`, or `-` where there is none."""
    return "-" if ends is None else f"[{signed(ends[0], places)}, {signed(ends[1], places)}]"
