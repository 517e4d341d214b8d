"""Images of a source of which some may turn out to be damaged only when they are decoded."""

import dataclasses
import warnings

import numpy as np

from pconv_jax.common.errors import InputError, NotEnoughMemory
from pconv_jax.data.source import ImageSource

_TRIES = 10  # images in a row; if all are damaged, it is not the images


@dataclasses.dataclass(frozen=True)
class Readable:
    """The images of a source; each that cannot be used is replaced by the next one, always the same, with a warning."""

    source: ImageSource

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> np.ndarray:
        image, failures = _next_image(self.source, index)
        _warn(failures, "the next image is used in its place")
        return image


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """The images of a source to score; one that cannot be used is None, which Grain leaves out, with a warning."""

    source: ImageSource

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> np.ndarray | None:
        image, failures = _next_image(self.source, index)
        _warn(failures[:1], "it is left out")
        return None if failures else image


def _next_image(source: ImageSource, index: int) -> tuple[np.ndarray, list[InputError]]:
    """The image, or the next one that can be used, and what is wrong with those before it."""
    failures: list[InputError] = []
    for attempt in range(min(_TRIES, len(source))):
        try:
            return source[(index + attempt) % len(source)], failures
        except NotEnoughMemory:  # which images are used must not depend on what else runs
            raise
        except InputError as error:
            failures.append(error)
    raise failures[0]


def _warn(failures: list[InputError], instead: str) -> None:
    for failure in failures:  # the same text for a file each time: Python shows it once
        warnings.warn(f"{failure}; until then {instead}", stacklevel=3)
