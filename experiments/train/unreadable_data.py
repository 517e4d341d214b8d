"""What is said where training data cannot be read, on whichever host."""

from pathlib import Path

from pconv_jax.checkpoints.orbax_errors import why
from pconv_jax.checkpoints.saved_steps import last_checkpoint
from pconv_jax.common.errors import InputError, TrainingError
from pconv_jax.data.workers import WorkerDied


def unreadable_data(error: Exception, *, step: int, out: Path) -> TrainingError:
    """What to raise instead of an error of the data.

    Args:
        error: what was raised; its type is named if nobody foresaw it.
        step: number of steps taken.
        out: output folder of the run.

    Returns:
        The error, naming the cause and the last checkpoint.
    """
    foreseen = isinstance(error, InputError | OSError | WorkerDied)
    cause = why(error) if foreseen else f"{type(error).__name__}: {why(error)}"
    return TrainingError(
        f"the training data cannot be read after step {step} ({cause}); {last_checkpoint(out / 'checkpoints')}"
    )
