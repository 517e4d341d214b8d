"""One photograph on the page: what is known of it, and the files in which that is kept."""

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError, reason
from pconv_jax.detection.damage_map import Choice, DamageMap
from pconv_jax.imaging import Photograph
from pconv_jax.imaging.arrays import strips
from pconv_jax.page.edits import edited, read_edits

PREVIEW = 1600
"""Longest side of a preview, px."""


@dataclasses.dataclass(eq=False)
class OpenPhotograph:
    """A photograph on the page.

    Large arrays lie in files of the photograph's own folder, so that memory does not grow with their number.

    Attributes:
        name: its number on the page, as text.
        source: its file.
        folder: for what belongs to it, removed with it.
        title: its file's name.
        target: where the result is written.
        width: of the photograph, px; 0 before it is read.
        height: likewise.
        bits: of each channel.
        stamp: size and time of its file when it was read.
        revision: grows with each change of choice or edits.
        choice: what of the found damage becomes a hole.
        edits: what was corrected, as the page sent it.
        masks: loaded masks by their names: bool `[H, W]` in files.
        found: whether damage was looked for.
        shown: grows with each result.
        restored: the revision that was restored as a whole; None for none.
        partly: whether the result holds one region alone.
        saved: the revision that was saved; None for none.
        covered: share of the photograph that was hole when it was restored last.
        warnings: what was said when it was read, restored and saved.
    """

    name: str
    source: Path
    folder: Path
    title: str
    target: Path
    width: int = 0
    height: int = 0
    bits: int = 8
    stamp: tuple[int, int] = (0, 0)
    revision: int = 0
    choice: Choice = dataclasses.field(default_factory=Choice)
    edits: list[Any] = dataclasses.field(default_factory=list)
    masks: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    found: bool = False
    shown: int = 0
    restored: int | None = None
    partly: bool = False
    saved: int | None = None
    covered: float = 0.0
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def state(self) -> str:
        """The furthest that it has come: opening, opened, found, corrected, restored or saved."""
        if self.saved == self.revision:
            return "saved"
        if self.restored == self.revision:
            return "restored"
        if self.edits:
            return "corrected"
        return "found" if self.found else "opened" if self.width else "opening"

    def to_json(self) -> dict[str, Any]:
        """What the page shows of it."""
        plain = ("name", "title", "width", "height", "bits", "revision", "edits", "found", "shown", "partly", "covered")
        return {
            **{name: getattr(self, name) for name in plain},
            "state": self.state,
            "target": str(self.target),
            "warnings": self.warnings,
            "sensitivity": self.choice.sensitivity,
            "tones": self.choice.tones,
            "dilate": self.choice.dilate,
            "has_result": self.shown > 0,
        }

    def change(self, revision: int, choice: Choice, edits: list[Any]) -> None:
        """Takes other choices and edits.

        Args:
            revision: the one that they were made from.
            choice: what of the found damage becomes a hole.
            edits: as `read_edits` takes them.

        Raises:
            InputError: they make no sense, or there was another change since.
        """
        if revision != self.revision:
            raise InputError(f"{self.title} was changed in another tab: what is shown there is loaded")
        choice.check()
        read_edits(edits, self.masks)
        self.choice, self.edits, self.revision = choice, edits, revision + 1

    def found_hole(self) -> np.ndarray:
        """What was found by the present choice, bool `[H, W]`, before any edits; not to be changed."""
        if not self.found:
            return np.zeros((self.height, self.width), bool)
        return _found_hole(self._file("probability"), self._file("grey"), self.choice)

    def hole(self) -> np.ndarray:
        """What is marked now, bool `[H, W]`: what was found, after the edits; not to be changed."""
        found = self.found_hole()
        return edited(found, read_edits(self.edits, self.masks)) if self.edits else found

    def keep_map(self, found: DamageMap) -> None:
        """Keeps what was found."""
        self.save("grey", found.grey)
        self.save("probability", found.probability)
        self.found = True

    def load(self, what: str) -> np.ndarray | None:
        """An array that was kept, read from its file as far as it is used; None if there is none."""
        path = self._file(what)
        return np.load(path, mmap_mode="r") if path.exists() else None

    def save(self, what: str, array: np.ndarray) -> None:
        """Keeps an array in a file, in one step: whoever reads the one before goes on with that."""
        path = self._file(what)
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as stream:
            np.save(stream, array)
        temporary.replace(path)

    def _file(self, what: str) -> Path:
        return self.folder / f"{what}.npy"

    def stamped(self) -> tuple[int, int]:
        """Size and time of its file.

        Raises:
            InputError: it is gone.
        """
        try:
            status = os.stat(self.source)
        except OSError as error:
            raise InputError(f"{self.source} cannot be read any more ({reason(error)}): open it again") from error
        return status.st_size, status.st_mtime_ns

    def check_unchanged(self) -> None:
        """Refuses to go on with a file that is another one now.

        Raises:
            InputError: it was changed or removed since it was read.
        """
        if self.stamped() != self.stamp:
            raise InputError(f"{self.source} was changed since it was opened: open it again")


@functools.lru_cache(maxsize=1)  # asked for again when the edits change, and to count
def _found_hole(probability: Path, grey: Path, choice: Choice) -> np.ndarray:
    found, seen = (np.load(path, mmap_mode="r") for path in (probability, grey))
    unknown = np.broadcast_to(np.float32(1), found.shape)  # nothing here depends on the opacity
    hole = DamageMap(found, unknown, seen).hole(choice)
    hole.setflags(write=False)
    return hole


def eight_bit_colours(photograph: Photograph) -> np.ndarray:
    """A photograph as a page can show it: uint8 `[H, W, 3]`, transparent pixels over white."""
    height, width = photograph.pixels.shape[:2]
    shown = np.empty((height, width, 3), np.uint8)
    for strip in strips(height, width):
        part = _eight_bits(photograph.pixels[strip])
        part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
        if photograph.alpha is not None:
            alpha = _eight_bits(photograph.alpha[strip])[..., None].astype(np.float32) / 255
            part = np.rint(255 + alpha * (part.astype(np.float32) - 255)).astype(np.uint8)
        shown[strip] = part
    return shown


def _eight_bits(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else (values // 257).astype(np.uint8)


Look = Callable[[Photograph, Path], DamageMap]
"""Looks for the damage of a photograph, with the path of its file."""
