"""Reads a program that JAX traced: what its equations do, and what a variable was made from."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

IMAGE = -1
"""The source of a `Link` that reads the image or the mask itself."""

CONCATENATED, ADDED = "concatenated", "added"
"""The operations of a `Link` that join what two layers give: their channels side by side, or their sum."""

DONE = "done "
"""A mark that begins with this says what has just been done."""

# The names of functions and primitives in a traced program, and what they are called in a figure.
_FUNCTIONS = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "sigmoid": "sigmoid",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "concatenate": CONCATENATED,
    "add": ADDED,
}


@dataclasses.dataclass(frozen=True)
class Link:
    """Where a layer, or the output, reads from.

    Attributes:
        source: number of the layer that it reads, or `IMAGE`.
        operations: what happens on the way, in order: a batch norm, "ReLU", `CONCATENATED`.
    """

    source: int
    operations: tuple[str, ...]


class Reader:
    """Walks back through a traced program, from what is read to what it was made from."""

    def __init__(self, program: Any):
        """Takes a program whose first two inputs are the image and the mask."""
        self._sources = dict.fromkeys(program.invars[:2], IMAGE)
        self._made_by = {out: equation for equation in program.eqns for out in equation.outvars}
        self._of_image = {program.invars[0]}  # all that depends on the image
        for equation in program.eqns:
            if any(variable in self._of_image for variable in _variables(equation)):
                self._of_image.update(equation.outvars)

    def number(self, layers: dict[Any, int]) -> None:
        """Says which variables are the output of which layer."""
        self._sources.update(layers)

    def links(self, variable: Any) -> tuple[Link, ...]:
        """The layers that a variable was made from, the last to run first, and then the image."""
        ways: dict[int, set[tuple[str, ...]]] = {}
        waiting: list[tuple[Any, tuple[str, ...]]] = [(variable, ())]
        seen = set()
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            variable, operations = here
            if variable in self._sources:
                ways.setdefault(self._sources[variable], set()).add(operations)
            elif variable in self._made_by:
                equation = self._made_by[variable]
                name = self.operation(equation)
                before = (name, *operations) if name else operations
                waiting += [(each, before) for each in _variables(equation)]
        return tuple(Link(source, common_start(list(ways[source]))) for source in sorted(ways, reverse=True))

    def operation(self, equation: Any) -> str | None:
        """What an equation does, if that has a name in a figure."""
        if mark := mark_of(equation):
            return mark.removeprefix(DONE) if mark.startswith(DONE) else None
        name, variables = _name(equation), _variables(equation)
        if name == "concatenate" and equation.params["dimension"] != len(equation.outvars[0].aval.shape) - 1:
            return None  # not of channels
        if name == "add" and (len(variables) < 2 or not self._of_image.issuperset(variables)):
            return None  # a bias, or a number
        return _FUNCTIONS.get(name)


def mark_of(equation: Any) -> str:
    """The mark that an equation is; empty if it is none."""
    return str(equation.params["name"]) if equation.primitive.name == "name" else ""


def _name(equation: Any) -> str:
    """The name of the function or primitive that an equation calls."""
    inner = equation.params.get("call_jaxpr")
    if inner is not None and len(inner.jaxpr.eqns) == 1:  # a function with a gradient of its own
        return _name(inner.jaxpr.eqns[0])
    return str(equation.params.get("name", equation.primitive.name))


def _variables(equation: Any) -> list[Any]:
    return [each for each in equation.invars if not hasattr(each, "val")]  # literals have a value


def common_start(ways: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """What several ways begin with."""
    steps = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*ways, strict=False))
    return tuple(names[0] for names in steps)
