"""All that the page works on: its photographs, and what is done with them."""

import itertools
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError, named
from pconv_jax.imaging import infrared_beside
from pconv_jax.imaging.linear import is_linear
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.page.jobs import Job, Jobs
from pconv_jax.page.loaded_masks import read_mask
from pconv_jax.page.look import Look
from pconv_jax.page.memory import Memory, noted
from pconv_jax.page.photographs import OpenPhotograph
from pconv_jax.page.places import checked_place, free_place, is_original, was_dropped
from pconv_jax.page.results import Results

_LOOK = 0.2  # seconds


class Desk:
    """Photographs, and the jobs on them.

    Attributes:
        jobs: what is done and what waits.
        getting_ready: compiles what results wait for; None if nothing does.
        thickest_line: that the weights were trained on, px; None if not known.
    """

    def __init__(self, look: Look, inpainter: Inpainter, *, out: Path, folder: Path, max_pixels: int | None = None):
        """Starts without photographs.

        Args:
            look: looks for damage.
            inpainter: restores.
            out: folder for the results.
            folder: for what is kept meanwhile; exists.
            max_pixels: of a photograph, as for `read_photograph`.
        """
        self.jobs = Jobs()
        self.getting_ready: Job | None = None
        self.thickest_line = inpainter.generator.thickest_line
        self._look, self._out, self._folder, self._max_pixels = look, out, folder, max_pixels
        self._memory = Memory(max_pixels)  # only the thread of the jobs uses it
        self._results = Results(inpainter, self._memory)  # likewise
        self._numbers, self._mask_numbers = itertools.count(1), itertools.count(1)
        self._photographs: dict[str, OpenPhotograph] = {}
        self._lock = threading.Lock()

    @property
    def photographs(self) -> list[OpenPhotograph]:
        """All photographs, in the order they were opened."""
        with self._lock:
            return list(self._photographs.values())

    def photograph(self, name: str) -> OpenPhotograph:
        """One photograph.

        Raises:
            KeyError: there is none of this name.
        """
        with self._lock:
            return self._photographs[name]

    def get_ready(self, work: Callable[[Job], None]) -> None:
        """Compiles in the background; results wait for it, as they would take more time beside it."""
        self.getting_ready = Job(0, "", "get ready", work)
        threading.Thread(target=self.getting_ready.run, name="page getting ready", daemon=True).start()

    def open(self, source: Path, *, dropped: bool = False) -> OpenPhotograph:
        """Opens a photograph and looks for damage, both in the background.

        Args:
            source: its file.
            dropped: whether that was made for the page alone, and goes when the photograph is closed.
        """
        with self._lock:
            name = str(next(self._numbers))
            folder = self._folder / name
            folder.mkdir()
            if dropped:
                (folder / "dropped").mkdir()
                source = source.rename(folder / "dropped" / source.name)
            others = list(self._photographs.values())
            photograph = OpenPhotograph(name, source, folder, source.name, self._out)
            self._photographs[name] = photograph
            self._keep_off(photograph, others)
            photograph.target = free_place(self._out, source.name, others)
            _warn_of_infrared([each for each in self._photographs.values() if was_dropped(each)])
        self.jobs.submit("open", name, lambda job: self._open(photograph))
        self.find(photograph)
        return photograph

    def close(self, photograph: OpenPhotograph) -> None:
        """Forgets a photograph; its file stays."""
        self.jobs.cancel(photograph=photograph.name)
        with self._lock:
            self._photographs.pop(photograph.name, None)
        self.jobs.submit("close", photograph.name, lambda job: shutil.rmtree(photograph.folder, ignore_errors=True))

    def choose(self, photograph: OpenPhotograph) -> None:
        """Looks for damage in this photograph before others."""
        self.jobs.chosen = photograph.name

    def cancel(self, number: int) -> None:
        """Cancels a job, or forgets one that has ended; a photograph that is not opened then is closed."""
        job = next((each for each in self.jobs.listed() if each.number == number), None)
        if job is not None and job.finished.is_set():
            self.jobs.forget(number)
            return
        if job is None or job.kind != "open":
            self.jobs.cancel(number=number)
            return
        with self._lock:
            photograph = self._photographs.get(job.photograph)
        if photograph is not None and not photograph.width:
            self.close(photograph)

    def find(self, photograph: OpenPhotograph) -> Job:
        """Looks for damage."""
        return self.jobs.submit("find", photograph.name, lambda job: self._find(photograph, job))

    def take_for(self, photograph: OpenPhotograph, *, linear: bool) -> None:
        """Takes a photograph for linear in light, or not, and looks for its damage again.

        Raises:
            InputError: it says itself that it is, is not opened yet, or is being saved.
        """
        photograph.check_open()
        jobs = [job for job in self.jobs.listed() if job.photograph == photograph.name and not job.finished.is_set()]
        if any(job.kind in ("save", "download") for job in jobs):
            raise InputError(f"{photograph.title} is being saved: wait until it is, or cancel that")
        if photograph.says_linear:
            raise InputError(f"{photograph.title} says that it is linear in light: there is nothing to choose")
        self.jobs.cancel(photograph=photograph.name)
        photograph.take_for(linear=linear)
        self.jobs.submit("open", photograph.name, lambda job: self._show(photograph))
        self.find(photograph)

    def restore(self, photograph: OpenPhotograph, *, region: tuple[slice, slice] | None = None) -> Job:
        """Restores what is marked, or what of it is in a region."""
        photograph.asked_at = photograph.revision
        return self.jobs.submit("restore", photograph.name, lambda job: self._restore(photograph, region, job))

    def save(self, photograph: OpenPhotograph, *, replace: bool) -> Job:
        """Writes the result, restoring before if anything was changed since.

        Raises:
            InputError: it would replace the photograph itself, or another that is open.
            FileExistsError: there is a file already, which is not to be replaced.
        """
        checked_place(photograph, self.photographs, replace=replace)
        photograph.asked_at = photograph.revision
        return self.jobs.submit("save", photograph.name, lambda job: self._save(photograph, job, replace=replace))

    def load_mask(self, photograph: OpenPhotograph, path: Path) -> tuple[str, list[str]]:
        """Reads a mask file, white = damage, of the photograph's size.

        Returns:
            Its name, for an edit, and sentences about what may not be meant.

        Raises:
            InputError: it cannot be used.
        """
        photograph.check_open()
        hole, notes = read_mask(photograph, path, max_pixels=self._max_pixels)
        name = f"mask{next(self._mask_numbers)}"  # at once: another may be loaded while this one is saved
        photograph.save(name, hole)
        kept = photograph.load(name)
        assert kept is not None, "it was just written"
        photograph.masks[name] = kept
        return name, notes

    def export(self, photograph: OpenPhotograph) -> Path:
        """Writes the result where it can be downloaded from.

        Raises:
            InputError: it is not restored as it is now.
        """
        if photograph.restored != photograph.marking:
            raise InputError("it was changed since it was restored: restore it first")
        path = photograph.folder / "download" / photograph.target.name
        job = self.jobs.submit("download", photograph.name, lambda job: self._results.write(photograph, path))
        job.finished.wait()
        if job.state != "done":
            raise InputError(job.message or "it was cancelled: try again")
        return path

    def stop_all_but_saves(self) -> list[Job]:
        """Cancels all work but what is being saved, or waits for that: the jobs that do so."""
        jobs = [job for job in self.jobs.listed() if not job.finished.is_set()]
        saves = [job for job in jobs if job.kind == "save"]
        for job in jobs:
            if job not in saves:
                self.jobs.cancel(number=job.number)
        return saves

    def shut(self) -> None:
        """Ends all work and removes what was kept meanwhile."""
        self.jobs.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep_off(self, photograph: OpenPhotograph, others: Sequence[OpenPhotograph]) -> None:
        """Gives those photographs another target whose result would replace one that is opened."""
        for each in others:
            if each.saved is None and is_original(each.target, photograph) and not is_original(each.target, each):
                rest = [other for other in self._photographs.values() if other is not each]
                each.target = free_place(self._out, each.title, rest)

    def _open(self, photograph: OpenPhotograph) -> None:
        try:
            read = self._memory.read(photograph)
            photograph.bits = 8 * read.pixels.dtype.itemsize
            photograph.linear = photograph.says_linear = is_linear(read)
            photograph.keep_pictures("before", read, read, linear=photograph.linear)
        except (InputError, MemoryError):
            self._forget(photograph)
            raise
        photograph.height, photograph.width = read.pixels.shape[:2]
        photograph.looks += 1

    def _show(self, photograph: OpenPhotograph) -> None:
        """Makes its pictures again, and forgets what was computed."""
        self._memory.forget()
        read = self._memory.read(photograph)
        photograph.keep_pictures("before", read, read, linear=photograph.linear)
        photograph.looks += 1

    def _forget(self, photograph: OpenPhotograph) -> None:
        with self._lock:
            self._photographs.pop(photograph.name, None)
        shutil.rmtree(photograph.folder, ignore_errors=True)

    def _find(self, photograph: OpenPhotograph, job: Job) -> None:
        if photograph.name not in self._photographs or photograph.found:
            return  # it could not be read
        read, linear = self._memory.read(photograph), photograph.linear
        notes: list[str] = []
        try:
            with noted(photograph):
                found = self._look(read, photograph.source, linear=linear, notes=notes, progress=job.progress)
        except InputError as error:
            raise InputError(_on_page(photograph, str(error))) from error
        photograph.warn([_on_page(photograph, note) for note in notes])
        if photograph.linear == linear:
            photograph.keep_map(found)

    def _restore(self, photograph: OpenPhotograph, region: tuple[slice, slice] | None, job: Job) -> None:
        while self.getting_ready is not None and not self.getting_ready.finished.wait(_LOOK):
            job.progress(0, 0)  # it may be cancelled
        self._results.restore(photograph, region, job)

    def _save(self, photograph: OpenPhotograph, job: Job, *, replace: bool) -> None:
        self._restore(photograph, None, job)
        marking = photograph.restored
        try:  # again, as it may have taken long
            target = checked_place(photograph, self.photographs, replace=replace)
        except FileExistsError as error:
            raise InputError(f"{error} by now: save again to replace it") from error
        try:
            self._results.write(photograph, target)
        except InputError as error:
            if _is_of_system(error):  # and not what a format cannot hold
                raise InputError(f"{error}, or press Download, which writes where the browser does") from error
            raise
        photograph.saved = marking


def _is_of_system(error: BaseException | None) -> bool:
    """Whether an error comes from one of the system."""
    return error is not None and (isinstance(error, OSError) or _is_of_system(error.__cause__))


def _warn_of_infrared(dropped: Sequence[OpenPhotograph]) -> None:
    """Says that infrared channels do nothing for their scans when both are dropped: each lies in its own folder."""
    channels = set(infrared_beside([Path(each.title) for each in dropped]))
    for each in dropped:
        if Path(each.title) in channels:
            each.warn(
                [
                    f"{each.title} is an infrared channel, by its name, and dropped on the page it does not tell where "
                    "damage is: start the page with the scan beside it, `pconv-jax page SCAN`"
                ]
            )


def _on_page(photograph: OpenPhotograph, sentence: str) -> str:
    """What a search says, with the name of the photograph, and the command that its flag belongs to."""
    sentence = sentence.replace("--no-infrared", "`pconv-jax page --no-infrared`")
    return named(sentence, photograph.title)
