"""Images of a source of which some may turn out to be damaged only when they are decoded."""

import dataclasses
import warnings

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.source import ImageSource

_TRIES = 10  # images in a row; if all are damaged, it is not the images


@dataclasses.dataclass(frozen=True)
class Readable:
    """The images of a source; each that cannot be used is replaced by the next one, always the same, with a warning."""

    source: ImageSource

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> np.ndarray:
        failures: list[InputError] = []
        for attempt in range(min(_TRIES, len(self))):
            try:
                image = self.source[(index + attempt) % len(self)]
            except InputError as error:
                failures.append(error)
                continue
            for failure in failures:  # the same text for a file each time: Python shows it once
                warnings.warn(f"{failure}; until then the next image is used in its place", stacklevel=2)
            return image
        raise failures[0]
