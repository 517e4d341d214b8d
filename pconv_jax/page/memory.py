"""The photograph that the page works on: only one is in memory, and one whose search waits meanwhile."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from pconv_jax.common.errors import InputError
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.imaging import Photograph, read_photograph
from pconv_jax.inpainting.remembered_windows import RememberedWindows
from pconv_jax.page.photographs import OpenPhotograph


class Memory:
    """The photograph that was read last.

    Attributes:
        windows: what was inpainted in it.
    """

    def __init__(self, max_pixels: int | None):
        """Starts empty.

        Args:
            max_pixels: of a photograph, as for `read_photograph`.
        """
        self.windows = RememberedWindows()
        self._max_pixels = max_pixels
        self._name = ""
        self._photograph: Photograph | None = None

    def read(self, photograph: OpenPhotograph) -> Photograph:
        """The photograph, from memory if it was the last one.

        Raises:
            InputError: it cannot be read, or is another one now.
        """
        if self._photograph is not None and self._name == photograph.name:
            photograph.check_unchanged()
            return self._photograph
        self.forget()  # before the next one is read
        stamp = photograph.stamped()
        with noted(photograph), hide_messages_of_libraries():  # of damaged files
            read = read_photograph(photograph.source, max_pixels=self._max_pixels)
        if photograph.stamp == (0, 0):
            photograph.stamp = stamp
        photograph.check_unchanged()
        self._name, self._photograph = photograph.name, read
        return read

    def forget(self) -> None:
        """Forgets it, and what was inpainted."""
        self._photograph, self.windows = None, RememberedWindows()


@contextlib.contextmanager
def by_title(path: Path, title: str) -> Iterator[None]:
    """Errors inside name a file by its title, not by where it is kept."""
    try:
        yield
    except InputError as error:
        raise InputError(_titled(str(error), path, title)) from error


def _titled(text: str, path: Path, title: str) -> str:
    """What is said of a file, with its title."""
    text = text.replace(str(path), title)
    return text if title in text else f"{title}: {text}"


@contextlib.contextmanager
def noted(photograph: OpenPhotograph) -> Iterator[None]:
    """Keeps what is warned of inside, each sentence once; errors and warnings name the photograph by its title."""
    source, title = photograph.source, photograph.title
    with by_title(source, title), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    texts = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    photograph.warn([_titled(text, source, title) for text in texts])
