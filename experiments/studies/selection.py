"""The learning rate of every arm: the one with the lowest validation error, by runs that are not scored."""

import dataclasses
import math
from collections.abc import Mapping

from experiments.studies.study import Arm
from experiments.train import experiment
from experiments.train.config import Config
from experiments.train.logs import history, read_metrics
from pconv_jax.checkpoints.best_step import VALIDATION_L1
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import DivergedError, InputError

_DIVERGED = "diverged.json"


@dataclasses.dataclass(frozen=True)
class Choice:
    """The learning rate of an arm, and what it was chosen by.

    Attributes:
        rate: the learning rate.
        errors: rate -> L1 in the holes of the validation images, the lowest of the run's checkpoints; infinite where
            training diverged. Empty where there was nothing to choose from.
    """

    rate: float
    errors: Mapping[float, float]

    @property
    def at_edge(self) -> bool:
        """Whether a rate outside of the grid may have been better."""
        return len(self.errors) > 1 and self.rate in (min(self.errors), max(self.errors))


def train_once(config: Config) -> int:
    """Trains, or resumes, a run that has no report yet; returns 0, or 128 + the number of the signal that stopped."""
    if (config.run.out / "report.json").exists():
        experiment.check_finished(config)
        return 0
    return experiment.run(config)


def train_candidate(config: Config) -> int:
    """As `train_once`; that training diverged is recorded in place of an error."""
    if (config.run.out / _DIVERGED).exists():
        experiment.check_finished(config)
        return 0
    try:
        return train_once(config)
    except DivergedError as error:
        print(f"diverged: {error}")
        write_json(config.run.out / _DIVERGED, {"message": str(error)})
        return 0


def choose(arm: Arm, candidates: Mapping[float, Config]) -> Choice:
    """The choice of an arm from its runs, which are complete.

    Args:
        arm: the arm.
        candidates: learning rate -> the run with it.

    Returns:
        The rate with the lowest error, of equal ones the lowest.

    Raises:
        InputError: training diverged with each of them.
    """
    errors = {rate: validation_error(config) for rate, config in candidates.items()}
    best = min(sorted(errors), key=lambda rate: errors[rate])
    if math.isinf(errors[best]):
        raise InputError(
            f"{arm.name} diverged at every learning rate, the lowest {min(errors):g}: give lower --learning-rates, and "
            "another --out"
        )
    return Choice(best, errors)


def validation_error(config: Config) -> float:
    """The lowest validation error of a complete run; infinite where it diverged."""
    if (config.run.out / _DIVERGED).exists():
        return math.inf
    values, _ = history(read_metrics(config.run.out / "metrics.jsonl"), [VALIDATION_L1])
    return min(values[VALIDATION_L1])


def to_json(choices: Mapping[str, Choice]) -> dict[str, object]:
    """Choices as JSON values; None for an error that is infinite."""
    return {
        name: {
            "learning_rate": choice.rate,
            "validation_l1": {
                f"{rate:g}": None if math.isinf(error) else error for rate, error in choice.errors.items()
            },
        }
        for name, choice in choices.items()
    }
