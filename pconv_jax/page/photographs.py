"""One photograph on the page: what is known of it, and the files in which that is kept."""

import contextlib
import dataclasses
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np

from pconv_jax.common.errors import InputError, reason
from pconv_jax.detection.damage_map import Choice, DamageMap
from pconv_jax.imaging import Photograph
from pconv_jax.imaging.colour import written_profile
from pconv_jax.imaging.masks import share
from pconv_jax.imaging.shown import shown
from pconv_jax.page.drawn import Drawn
from pconv_jax.page.edits import read_edits
from pconv_jax.page.pictures import jpeg, reduced

PREVIEW = 1600
"""Longest side of a preview, px."""

# Windows replaces and removes no file that is mapped into memory.
_MAPPED: Literal["r"] | None = None if sys.platform == "win32" else "r"

_DRAWN = Drawn()  # of one photograph, as what was found


class Marking(NamedTuple):
    """All that decides what is marked; after undo it is equal to what it was before."""

    linear: bool
    found: bool
    choice: Choice
    edits: list[Any]


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
        linear: whether it is linear in light: it says so, or the person does.
        says_linear: whether it says so.
        looks: grows each time that pictures of it are made.
        stamp: size and time of its file when it was read.
        revision: grows with each change of choice or edits.
        choice: what of the found damage becomes a hole.
        edits: what was corrected, as the page sent it.
        masks: loaded masks by their names: bool `[H, W]` in files.
        found: whether damage was looked for.
        clean: whether nothing was marked when that was counted last, after damage was looked for.
        shown: grows with each result.
        has_result: whether there is one, of what the photograph is taken for now.
        asked_at: the revision at which one was asked for last.
        restored: the marking that the result is of, as a whole; None for none.
        tight: whether the damage seems to reach beyond what was marked for the result.
        partly: whether the result holds what was near clicks alone.
        saved: the marking that was saved; None for none.
        covered: share of the photograph that was hole when it was restored last.
        warnings: what was said when it was read, looked at, restored and saved.
        dismissed: how many of these, from the first on, were read and need not be shown again.
    """

    name: str
    source: Path
    folder: Path
    title: str
    target: Path
    width: int = 0
    height: int = 0
    bits: int = 8
    linear: bool = False
    says_linear: bool = False
    looks: int = 0
    stamp: tuple[int, int] = (0, 0)
    revision: int = 0
    choice: Choice = dataclasses.field(default_factory=Choice)
    edits: list[Any] = dataclasses.field(default_factory=list)
    masks: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    found: bool = False
    clean: bool = False
    shown: int = 0
    has_result: bool = False
    asked_at: int = 0
    restored: Marking | None = None
    tight: bool = False
    partly: bool = False
    saved: Marking | None = None
    covered: float = 0.0
    warnings: list[str] = dataclasses.field(default_factory=list)
    dismissed: int = 0

    @property
    def state(self) -> str:
        """The furthest that it has come: opening, opened, clean, found, corrected, restored or saved."""
        marking = self.marking
        if self.restored == marking:
            return "saved" if self.saved == marking else "restored"
        if self.edits:
            return "corrected"
        if self.found:
            return "clean" if self.clean else "found"
        return "opened" if self.width else "opening"

    @property
    def is_unsaved(self) -> bool:
        """Whether something would be lost if it were closed: what was corrected, or a result."""
        state = self.state
        return state == "corrected" or (self.has_result and state != "saved")

    @property
    def marking(self) -> Marking:
        """What is marked now."""
        return Marking(self.linear, self.found, self.choice, self.edits)

    def to_json(self) -> dict[str, Any]:
        """What the page asks for again and again; edits, which can be many, it asks for when there are others."""
        plain = ("name", "title", "width", "height", "bits", "linear", "says_linear", "revision", "found")
        of_result = ("looks", "shown", "has_result", "asked_at", "tight", "partly", "covered")
        return {
            **{name: getattr(self, name) for name in (*plain, *of_result)},
            "state": self.state,
            "is_unsaved": self.is_unsaved,
            "target": str(self.target),
            "warnings": self.warnings,
            "dismissed": self.dismissed,
            "sensitivity": self.choice.sensitivity,
            "tones": self.choice.tones,
            "dilate": self.choice.dilate,
        }

    def warn(self, sentences: Sequence[str]) -> None:
        """Shows sentences beside it, each once."""
        self.warnings += [each for each in dict.fromkeys(sentences) if each not in self.warnings]

    def dismiss(self, count: int) -> None:
        """Takes so many warnings, from the first on, for read."""
        self.dismissed = min(max(count, self.dismissed), len(self.warnings))

    def check_open(self) -> None:
        """Refuses what needs its pixels while they are not read.

        Raises:
            InputError: they are not.
        """
        if not self.width:
            raise InputError(f"{self.title} is not opened yet: wait a moment")

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

    def take_for(self, *, linear: bool) -> None:
        """Takes it for linear in light, or for coded as it is seen: what was found and restored does not hold."""
        self.linear, self.revision = linear, self.revision + 1
        self.found = self.has_result = self.partly = False
        self.restored = None

    def found_hole(self) -> np.ndarray:
        """What was found by the present choice, bool `[H, W]`, before any edits; not to be changed."""
        return self._found_by(self.marking)

    def hole(self, *, marking: Marking | None = None) -> np.ndarray:
        """What is marked, by default now: bool `[H, W]`, what was found after the edits; not to be changed."""
        marking = marking or self.marking
        found = self._found_by(marking)
        if not marking.edits:
            return found
        key = (self.folder, marking.linear, marking.found, marking.choice)
        return _DRAWN.hole(key, found, marking.edits, self.masks)

    def _found_by(self, marking: Marking) -> np.ndarray:
        if not marking.found:
            return np.zeros((self.height, self.width), bool)
        return _found_hole(self._file("probability"), self._file("grey"), marking.choice)

    def count(self) -> float:
        """The share of it that is marked."""
        marking = self.marking
        marked = share(self.hole(marking=marking))
        self.clean = marking.found and not marked
        return marked

    def keep_map(self, found: DamageMap) -> None:
        """Keeps what was found."""
        self.save("grey", found.grey)
        self.save("probability", found.probability)
        _found_hole.cache_clear()  # of the map before
        _DRAWN.forget()
        self.clean = not self.hole(marking=self.marking._replace(found=True)).any()
        self.found = True

    def keep_pictures(self, what: str, photograph: Photograph, original: Photograph, *, linear: bool) -> None:
        """Keeps what the page shows of a photograph: all of it, and in little.

        Args:
            what: "before" or "after".
            photograph: as it was read, or restored.
            original: as it was read.
            linear: whether it is linear in light.
        """
        seen = shown(photograph, original, linear=linear)
        profile, _ = written_profile(seen.icc, seen.colour, 3, png=False)  # what is wrong with it is said on saving
        self.save(what, seen.pixels)
        self._put(f"{what}.icc", profile or b"")
        self._put(f"{what}.jpg", jpeg(reduced(seen.pixels, PREVIEW), icc=profile))

    def profile(self, what: str) -> bytes:
        """The profile of the colours of pictures that were kept; empty for none."""
        return (self.folder / f"{what}.icc").read_bytes()

    def _put(self, name: str, content: bytes) -> None:
        with self._replacing(self.folder / name) as stream:
            stream.write(content)

    def load(self, what: str) -> np.ndarray | None:
        """An array that was kept, read from its file as far as it is used (on Windows whole); None if there is none."""
        path = self._file(what)
        return np.load(path, mmap_mode=_MAPPED) if path.exists() else None

    def save(self, what: str, array: np.ndarray) -> None:
        """Keeps an array in a file.

        Raises:
            InputError: there is no room for it.
        """
        with self._replacing(self._file(what)) as stream:
            np.save(stream, array)

    @contextlib.contextmanager
    def _replacing(self, path: Path) -> Iterator[IO[bytes]]:
        """Writes a file that is kept, in one step: whoever reads the one before goes on with that."""
        temporary = path.with_suffix(".new")
        try:
            with temporary.open("wb") as stream:
                yield stream
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise InputError(
                f"{self.folder} cannot be written ({reason(error)}): make room on its disk, or set PCONV_JAX_CACHE to "
                "another folder"
            ) from error

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
    found, seen = (np.load(path, mmap_mode=_MAPPED) for path in (probability, grey))
    unknown = np.broadcast_to(np.float32(1), found.shape)  # nothing here depends on the opacity
    hole = DamageMap(found, unknown, seen).hole(choice)
    hole.setflags(write=False)
    return hole
