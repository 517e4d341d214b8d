"""How flags are declared so that tyro reads them quickly.

For `X | None`, and for a tuple of any length, it would import typeguard, and for a group of flags whose help is in a
docstring parse the source of its class: a tenth of a second each. So modules with flags write `Optional[X]` and
`Union[X, Y]`, and the help of a group in its annotation.
"""

from pathlib import Path
from typing import Annotated

import tyro
from tyro.constructors import PrimitiveConstructorSpec

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
