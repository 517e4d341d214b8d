"""The page of a study: verdicts first, then what they rest on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.studies import settings, tables
from experiments.studies.options import Options
from experiments.studies.primary import Judged, repeated_alarms
from experiments.studies.scores import StudyScores
from experiments.studies.selection import Choice
from experiments.studies.study import Budget, Study
from experiments.train.config import Config

PLOT = "study.png"


def page(
    study: Study,
    scores: StudyScores,
    judged: Sequence[Judged],
    *,
    options: Options,
    budget: Budget,
    choices: Mapping[str, Choice],
    runs: Mapping[str, Sequence[Config]],
) -> str:
    """The page of a study in Markdown, with every setting that it was run with.

    Args:
        study: the study.
        scores: what it measured.
        judged: its primary comparisons.
        options: the flags.
        budget: what every arm got.
        choices: arm -> its learning rate.
        runs: arm -> its runs, seed by seed.

    Returns:
        Markdown.
    """
    alarms = repeated_alarms(study, scores)
    used = ", ".join(f"{name} {version}" for name, version in settings.versions().items())
    count = sum(len(configs) for configs in runs.values())
    parts = [
        f"# Study: {study.name}",
        study.claim,
        f"    {settings.command_line(options)}",
        "## Verdicts on the primary comparisons",
        tables.verdict_table(judged, scores),
        f"![Primary comparisons, then scores by damage]({PLOT})",
        "Above: dots are seeds, diamonds means with the intervals of the table, dotted lines the smallest effects of "
        "interest. Below: means with 95 % intervals.",
        *(("## False alarms", tables.alarm_table(alarms, scores, count)) if alarms else ()),
        "## Learning rates",
        settings.choice_table(choices),
        "## Scores",
        "Means of arms over seeds and images with 95 % intervals of both, then (the mean of each seed); of classical "
        "methods over images, with bootstrap intervals.",
        tables.score_tables(scores),
        *((tables.fid_table(scores),) if scores.fids else ()),
        "## Settings",
        settings.settings_table({name: configs[0] for name, configs in runs.items()}),
        settings.evaluation_table(study, scores, budget, options),
        settings.time_table(runs),
        f"Versions: {used}.",
    ]
    return "\n\n".join(parts) + "\n"


def facts(judged: Sequence[Judged], choices: Mapping[str, Any]) -> dict[str, Any]:
    """Verdicts and choices as JSON values."""
    return {
        "primary": [dataclasses.asdict(each) for each in judged],
        "learning_rates": choices,
        "versions": settings.versions(),
    }
