"""The primary comparisons of a study with their verdicts."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from experiments.studies.analysis import Effect, Verdict, false_alarms, verdicts
from experiments.studies.scores import StudyScores
from experiments.studies.study import MARGINS, Comparison, Study


@dataclasses.dataclass(frozen=True)
class Judged:
    """A primary comparison and what came out.

    Attributes:
        comparison: the comparison.
        effect: of the arm over the reference.
        margin: the smallest effect of interest, in the metric's unit.
        verdict: beside the study's other primary comparisons.
    """

    comparison: Comparison
    effect: Effect
    margin: float
    verdict: Verdict


def judge(study: Study, scores: StudyScores, *, photographs: int | None = None) -> list[Judged]:
    """The verdicts of a study on its primary comparisons, in their order; `photographs` as for `verdicts`."""
    effects = [scores.effect(each.arm, each.reference, each.metric, each.condition) for each in study.primary]
    margins = [
        scores.margin(each.metric, MARGINS[each.metric], each.reference, each.condition) for each in study.primary
    ]
    found = verdicts(effects, [each.sign for each in study.primary], margins, photographs=photographs)
    return [Judged(*parts) for parts in zip(study.primary, effects, margins, found, strict=True)]


def repeated_alarms(study: Study, scores: StudyScores) -> dict[str, tuple[float, float]]:
    """Of an arm and its repetition: metric -> `false_alarms`; empty where no arm is repeated, or with one seed."""
    found = {}
    for arm in (arm for arm in study.arms if arm.repeats):
        assert arm.repeats is not None
        condition = study.conditions[0].name
        for metric in _metrics(study.primary):
            runs = [scores.scores(name, metric, condition) for name in (arm.repeats, arm.name)]
            if len(runs[0]) >= 2 and runs[0].shape == runs[1].shape and runs[0].shape[1] >= 2:
                found[metric] = false_alarms(np.concatenate(runs))
    return found


def _metrics(comparisons: Sequence[Comparison]) -> list[str]:
    return list(dict.fromkeys(each.metric for each in comparisons))
