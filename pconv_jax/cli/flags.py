"""Flags that several commands have, declared so that tyro reads them quickly.

For `X | None`, and for a tuple of any length, it would import typeguard, and for a group of flags whose help is in a
docstring parse the source of its class: up to a tenth of a second each. So modules with flags write `Optional[X]` and
`Union[X, Y]`, and the help of a group in its annotation.
"""

import math
from pathlib import Path
from typing import Annotated

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from pconv_jax.common.errors import InputError

_PATHS: PrimitiveConstructorSpec[tuple[Path, ...]] = PrimitiveConstructorSpec(
    nargs="*",
    metavar="PHOTOGRAPH ...",
    instance_from_str=lambda names: tuple(map(Path, names)),
    is_instance=lambda value: isinstance(value, tuple),
    str_from_instance=lambda paths: [str(path) for path in paths],
)
Photographs = Annotated[
    tyro.conf.Positional[tuple],  # type: ignore[type-arg]
    _PATHS,
    tyro.conf.arg(metavar="PHOTOGRAPH ...", help_behavior_hint="(required)"),
]
"""Paths of photographs and of folders, at least one."""


def most_pixels(megapixels: float | None) -> int | None:
    """The value of --max-megapixels in pixels; None if it is not given.

    Raises:
        InputError: it is not a number above 0.
    """
    if megapixels is not None and not 0 < megapixels < math.inf:
        raise InputError(f"--max-megapixels is {megapixels}, but it must be a number above 0")
    return None if megapixels is None else round(megapixels * 1e6)
