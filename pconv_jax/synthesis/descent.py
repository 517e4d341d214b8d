"""The search for the pixels of a hole: L-BFGS with a line search, the nearest patches fixed for some steps.

The loops are Python's: in a loop of its own XLA computes convolutions four times as slowly on a CPU, and Ctrl-C is
heard between two steps.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from pconv_jax.common.xla_options import compiler_options
from pconv_jax.models.vgg import VGG16
from pconv_jax.synthesis.objective import Part, Weights, all_votes, objective, weights_of
from pconv_jax.synthesis.settings import SynthesisSettings

_MEMORY = 10  # pairs of steps and gradients that L-BFGS keeps
_HALVINGS = 10  # of a step, before the search ends
_DECREASE = 1e-4  # share of the decrease that the slope promises which is enough

_OPTIMIZER = optax.lbfgs(memory_size=_MEMORY, linesearch=None)


class Descent(NamedTuple):
    """Some steps.

    Attributes:
        image: `[H, W, C]`; as before outside the hole, clipped to [0, 1] in it.
        values: the objective before the steps and after each, for the same nearest patches, before clipping.
    """

    image: Array
    values: list[float]


class _Point(NamedTuple):
    """A place of the search, and the objective there; gradients are 0 outside the hole."""

    image: Array
    value: float
    gradient: Array


def descend(vgg: VGG16, image: ArrayLike, part: Part, *, steps: int, settings: SynthesisSettings) -> Descent:
    """Searches the nearest patches, then makes some steps towards them.

    Args:
        vgg: the weights.
        image: `[H, W, C]`.
        part: the window.
        steps: number of steps; fewer are made where the objective falls no further.
        settings: weights of the objective.

    Returns:
        The image after the steps, and the objective.
    """
    match, value_and_gradient, propose, clip = _programs()
    image = jnp.asarray(image)
    votes, weights = match(vgg, image, part), weights_of(settings)

    def evaluate(image: Array) -> _Point:
        value, gradient = value_and_gradient(image, vgg, part, votes, weights)
        return _Point(image, float(value), gradient)

    point, state = evaluate(image), _OPTIMIZER.init(image)
    values = [point.value]
    for _ in range(steps):
        direction, slope, state = propose(point.gradient, state, point.image)
        found = _search_line(point, direction, float(slope), evaluate)
        if found is None:
            break
        point = found
        values.append(point.value)
    return Descent(clip(point.image, image, part.hole), values)


def _search_line(point: _Point, direction: Array, slope: float, evaluate: Callable[[Array], _Point]) -> _Point | None:
    """The first of 1, 1/2, 1/4 ... of a step that makes the objective fall enough."""
    for halving in range(_HALVINGS if slope < 0 else 0):
        length = 0.5**halving
        found = evaluate(point.image + length * direction)
        if found.value <= point.value + _DECREASE * length * slope and found.value < point.value:
            return found
    return None


@functools.cache
def _programs() -> tuple[Callable[..., Any], ...]:
    def value_and_gradient(image: Array, vgg: VGG16, part: Part, votes: Any, weights: Weights) -> Any:
        value, gradient = jax.value_and_grad(objective)(image, vgg, part, votes, weights)
        return value, gradient * part.hole

    def propose(gradient: Array, state: Any, image: Array) -> Any:
        direction, state = _OPTIMIZER.update(gradient, state, image)
        return direction, jnp.vdot(direction, gradient), state

    def clip(image: Array, before: Array, hole: Array) -> Array:
        return jnp.where(hole > 0, image.clip(0, 1), before)

    options = compiler_options(jax.devices()[0])
    return (
        jax.jit(all_votes, compiler_options=options),
        jax.jit(value_and_gradient, compiler_options=options),
        jax.jit(propose),
        jax.jit(clip),
    )
