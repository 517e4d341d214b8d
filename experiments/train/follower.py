"""Training on the hosts that write nothing: they take the steps of host 0, and wait where it validates and saves."""

import contextlib
from typing import Any

import jax

from experiments.train.interface import AnyTrainer, Outcome, Sitting, is_due
from experiments.train.signals import stop_signals
from experiments.train.unreadable_data import unreadable_data
from pconv_jax.training.hosts import group


def follow(run: Sitting, trainer: AnyTrainer) -> Outcome:
    """Trains from where host 0 does, to where it ends; what it refuses, such as losses that are not finite, ends all.

    Args:
        run: how often host 0 validates and saves.
        trainer: what to train.

    Returns:
        How training ended.

    Raises:
        TrainingError: the data of this host cannot be read.
    """
    hosts = group()
    if hosts.of_first(False):
        trainer.load(None)
    if trainer.steps >= trainer.total_steps:
        return Outcome(trainer.steps)
    signal, before = 0, None
    with contextlib.closing(trainer.data), stop_signals() as received:
        while trainer.steps < trainer.total_steps:
            signal = hosts.signal_after(trainer.steps, received)
            if signal:
                break
            metrics: Any = trainer.step(_next_batch(run, trainer))
            jax.block_until_ready(before)  # no further ahead than host 0, which reads these metrics now
            before = metrics
            if is_due(trainer, run.checkpoint_every) or is_due(trainer, run.sample_every):
                hosts.meet()
        jax.block_until_ready(before)
        signal = hosts.signal_at_end([signal] if signal else received)
    return Outcome(trainer.steps, signal=signal)


def _next_batch(run: Sitting, trainer: AnyTrainer) -> Any:
    try:
        return next(trainer.data)
    except Exception as error:
        raise unreadable_data(error, step=trainer.steps, out=run.out) from error
