"""Adam with warm-up, a schedule and gradient clipping."""

import dataclasses
import math
from typing import Literal, TypeVar, get_args

import jax
import jax.numpy as jnp
import optax

from pconv_jax.common.errors import InputError

Schedule = Literal["constant", "cosine"]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam for one network.

    Attributes:
        learning_rate: learning rate of the network.
        adam_b1: decay of Adam's first moment.
        adam_b2: decay of Adam's second moment.
        schedule: learning rates stay constant, or fall to 0 along a cosine.
        warmup: steps over which learning rates rise from 0 first.
        clip: largest norm of a gradient; larger ones are scaled down to it.
        ema: decay of an exponential moving average of the network's weights, such as 0.999; the average is then what is
            validated, scored and exported. No average if not given.
    """

    learning_rate: float = 2e-4
    adam_b1: float = 0.9
    adam_b2: float = 0.999
    schedule: Schedule = "constant"
    warmup: int = 0
    clip: float | None = None
    ema: float | None = None

    def adam(self, steps: int) -> optax.GradientTransformation:
        """Adam for the network, in a run of this many steps."""
        return self._adam(self.learning_rate, steps)

    def average(self, average: T, latest: T, step: jax.Array) -> T:
        """The moving average of weights after a step.

        Its decay is at most (1 + n) / (10 + n) at step n, so that it soon forgets the random weights it started from.

        Args:
            average: the average before the step, a pytree.
            latest: the weights after the step.
            step: number of steps taken, n.

        Returns:
            The new average.

        References:
            Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; the decay at the start is
            that of TensorFlow's ExponentialMovingAverage.
        """
        assert self.ema is not None, "no average is kept"
        decay = jnp.minimum(self.ema, (1.0 + step) / (10.0 + step))
        return optax.incremental_update(latest, average, step_size=1 - decay)

    def check(self, steps: int) -> None:
        """Refuses settings that make no sense in a run of this many steps.

        Raises:
            InputError: naming the value and what it may be.
        """
        _check_rate("--learning-rate", self.learning_rate)
        for name, decay in (("--adam-b1", self.adam_b1), ("--adam-b2", self.adam_b2)):
            if not 0 <= decay < 1:
                raise InputError(f"{name} is {decay}, but the decay of a moment must be at least 0 and below 1")
        if not 0 <= self.warmup < 2**31 - 1:
            raise InputError(f"the warm-up must be a number of steps, not {self.warmup}")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise InputError(f"the largest gradient norm is {self.clip}, but it must be a number above 0")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise InputError(f"--ema is {self.ema}, but the decay of an average must be at least 0 and below 1")
        if self.schedule not in get_args(Schedule):
            raise InputError(f"schedule={self.schedule!r} must be one of {', '.join(get_args(Schedule))}")
        if self.schedule == "cosine" and steps <= self.warmup:
            raise InputError(
                f"a cosine schedule needs more steps than the warm-up's {self.warmup}, not {steps}: "
                "give more steps or a smaller --warmup"
            )

    def _adam(self, learning_rate: float, steps: int) -> optax.GradientTransformation:
        self.check(steps)
        adam = optax.adam(self._rates(learning_rate, steps), b1=self.adam_b1, b2=self.adam_b2)
        # Not chained where nothing is clipped: the optimizer's state has the structure that earlier checkpoints have.
        return adam if self.clip is None else optax.chain(optax.clip_by_global_norm(self.clip), adam)

    def _rates(self, learning_rate: float, steps: int) -> float | optax.Schedule:
        """The learning rate at each step; a number where it is constant."""
        cosine = self.schedule == "cosine"
        after = optax.cosine_decay_schedule(learning_rate, steps - self.warmup) if cosine else learning_rate
        if not self.warmup:
            return after
        rest = after if callable(after) else optax.constant_schedule(after)
        rise = optax.linear_schedule(learning_rate / (self.warmup + 1), learning_rate, self.warmup)
        return optax.join_schedules([rise, rest], [self.warmup])


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(AdamConfig):
    """Adam for a generator, and for its discriminator with a learning rate of its own.

    Attributes:
        learning_rate: learning rate of the generator.
        discriminator_learning_rate: learning rate of the discriminator.
        adam_b1: decay of Adam's first moment.
        ema: decay of an exponential moving average of the generator's weights, such as 0.999; the average is then what
            is validated, scored and exported. No average if not given.
    """

    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    adam_b1: float = 0.5  # usual for GANs (DCGAN, Pathak et al.)
    ema: float | None = None

    def discriminator(self, steps: int) -> optax.GradientTransformation:
        """Adam for the discriminator, in a run of this many steps."""
        return self._adam(self.discriminator_learning_rate, steps)

    def check(self, steps: int) -> None:
        """Refuses settings that make no sense in a run of this many steps.

        Raises:
            InputError: naming the value and what it may be.
        """
        super().check(steps)
        _check_rate("--discriminator-learning-rate", self.discriminator_learning_rate)


def _check_rate(flag: str, rate: float) -> None:
    if not 0 < rate < math.inf:  # also refuses NaN
        raise InputError(f"{flag} is {rate}, but it must be a number above 0")
