"""Any tree of image files as a dataset. Images are uint8 [H, W, 3], RGB; `decode` states the rules."""

import bisect
import copy
import functools
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from pconv_jax.common.errors import InputError, NotEnoughMemory, shortened
from pconv_jax.data.checking import faults_of
from pconv_jax.data.decode import decode_image
from pconv_jax.data.same_files import Listed, without_copies, without_links
from pconv_jax.data.source import (
    SPLIT_FOLDERS,
    SPLITS,
    Split,
    hash_fraction,
    hash_of,
    split_by_hash,
    split_of_folder,
)
from pconv_jax.imaging import IMAGE_SUFFIXES, image_files, other_files
from pconv_jax.imaging.formats import RAW_SUFFIXES
from pconv_jax.imaging.names import masks_beside
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.whole import seems_whole

_OF_RESULTS = (("config.json", "metrics.jsonl"), ("benchmark.json",))  # files that a run or an evaluation begins with
_TENTH = 0.9  # the hash fraction from which on an image of `train` stands in for a split without a folder
_NAMED = 10  # files a warning names before it only counts


class FolderSource:
    """One split of the usable images under a folder, in a fixed order that is as good as random."""

    name = "folder"
    note = ""

    def __init__(
        self, root: str | os.PathLike[str], split: Split | Literal["all"], *, without: Sequence[Path | None] = ()
    ):
        """Finds and checks the images.

        Every file with an image suffix is checked: JPEG and PNG files from their headers, ends and checksums, others by
        decoding them. Those that cannot be used are named in one warning and left out, and so are the raw files of
        cameras, and folders of runs and evaluations. Other files (notes, labels) and hidden ones are ignored.

        If `root` holds a folder `train` (`training`) and a folder `test` (`testing`) or `val` (`valid`, `validation`),
        whatever their case, these are the splits; if one of the latter two is missing, a tenth of `train` takes its
        place; images elsewhere are left out with a warning. Otherwise all are split 80 / 10 / 10. Both go by the hash
        of the path below `root`: a new file moves no other one to another split (but for the image that stands in for
        an empty split of a few), nor does any seed. Folders of two splits that would be mixed up so are refused. Of
        links to one file, or to one that is there itself, one is used; and of files with the same content, which would
        be in several splits, the one with the shortest path, but for "all". If one of these is in a folder of a split,
        it is that.

        Args:
            root: the folder.
            split: "train", "validation" or "test"; or "all", the images wherever they are, to be scored rather than
                trained on.
            without: folders of masks or opacity maps, where there are any: those below `root` are left out with a
                warning. Files beside images that are named as masks of them (`photo_mask.png`) get a warning alone.

        Raises:
            InputError: `root` is not a folder, is one of `without`, or holds fewer images than three splits need (one
                for "all"), folders of splits elsewhere than said above, or an image that needs more memory than is
                available.
        """
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise InputError(f"--data-dir {self.root} is not a folder: give the one that your images are in")
        results: list[str] = []  # the folder of each image that is in one of results
        masks: list[str] = []  # likewise
        listed, links = without_links(self.root, tuple(_listed(self.root, results, masks, _apart(self.root, without))))
        raw = tuple(file.as_posix() for file in other_files(self.root) if file.suffix.lower() in RAW_SUFFIXES)
        if not listed:
            found = "raw files of cameras, but no images" if raw else "no images"
            raise InputError(f"{self.root} holds {found} ({', '.join(IMAGE_SUFFIXES)}): give another folder")
        left_out = f"in {self.root} are left out, since they are"
        _warn_of(f"raw files of cameras {left_out} not developed", raw, "save them as PNG, JPEG or TIFF to use them")
        way = "copy them elsewhere to use them"
        _warn_of(f"pictures in folders of runs and evaluations {left_out} results", _once(results), way)
        _warn_of(
            f"pictures in folders of masks or opacity maps {left_out} not photographs", _once(masks), "keep them apart"
        )
        way = "splits must not share an image"
        _warn_of(f"links {left_out} to images used by another name", links, way)
        if split != "all":
            listed, copies = without_copies(self.root, listed)
            _warn_of(f"files {left_out} copies of images used by another name", copies, way)
        self.split = split
        usable = _usable(self.root, listed)
        if not usable:
            raise InputError(f"{self.root} holds no image file that can be used: give another folder")
        self.files = tuple(sorted(usable, key=hash_fraction) if split == "all" else _splits(self.root, usable)[split])
        if split != "all":
            beside = tuple(mask.as_posix() for mask in masks_beside([Path(file) for file in usable]))
            what = f"files in {self.root} are named as masks of images beside them, and used as images"
            _warn_of(what, beside, "move them elsewhere if they are masks")
        sizes = {file: size for file, size, _ in listed}
        self._sizes = tuple(sizes[file] for file in self.files)
        self._short_side: int | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> np.ndarray:
        return decode_image(self.root / self.files[index], short_side=self._short_side)

    def label(self, index: int) -> str:
        """The file's path below the folder."""
        return self.files[index]

    def at_least(self, short_side: int) -> "FolderSource":
        """The same images, JPEGs decoded at a fraction of their size if `short_side` allows."""
        smaller = copy.copy(self)
        smaller._short_side = short_side
        return smaller

    def fingerprint(self) -> str:
        """Hash of the names and sizes of the files."""
        return hash_of(*(f"{file} {size}" for file, size in zip(self.files, self._sizes, strict=True)))

    def __repr__(self) -> str:
        listed = "\n".join(self.files).encode(errors="surrogateescape")
        digest = hashlib.blake2b(listed, digest_size=4).hexdigest()
        return f"FolderSource(split={self.split!r}, images={len(self)}, files={digest})"


def _listed(
    root: Path, results: list[str], masks: list[str], is_apart: Callable[[Path], bool]
) -> Iterator[tuple[str, int, int]]:
    """Path below `root`, size and date of every file that claims to be an image; adds folders left out to two lists."""
    folder_of_results = functools.cache(functools.partial(_folder_of_results, root))
    for file in image_files(root):
        if found := folder_of_results(file.parent):
            results.append(found)
            continue
        if is_apart(file.parent):
            masks.append(file.parent.as_posix())
            continue
        path = root / file
        # A dangling link has no size; it is reported with the files that cannot be decoded.
        info = path.stat() if path.exists() else path.lstat()
        yield file.as_posix(), info.st_size, info.st_mtime_ns


def _apart(root: Path, folders: Sequence[Path | None]) -> Callable[[Path], bool]:
    """Tells whether a folder below `root` is in one of some folders; those that hold `root` itself do not count."""
    home = Path(os.path.realpath(root))
    places = {Path(os.path.realpath(folder.expanduser())) for folder in folders if folder is not None}
    if home in places:
        raise InputError(
            f"{root} is given both for images and for masks or opacity maps: keep these in a folder of their own"
        )
    apart = {place for place in places if not home.is_relative_to(place)}

    @functools.cache
    def is_apart(folder: Path) -> bool:
        real = Path(os.path.realpath(root / folder))
        return not apart.isdisjoint((real, *real.parents))

    return is_apart


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _folder_of_results(root: Path, folder: Path) -> str:
    """The folder of a run or an evaluation that this one is or is in; none if that is `root` or above."""
    for place in (folder, *folder.parents):
        if place != Path() and any(all((root / place / name).is_file() for name in names) for names in _OF_RESULTS):
            return place.as_posix()
    return ""


@functools.lru_cache(maxsize=8)  # as below
def _warn_of(what: str, names: tuple[str, ...], way: str) -> None:
    """Warns of what is left out, if there is anything."""
    if names:
        warnings.warn(f"{what} ({len(names)}: {shortened(names, _NAMED)}): {way}", stacklevel=2)


# Cached, so that opening three splits checks and warns once; a changed file has another date and is checked again.
@functools.lru_cache(maxsize=4)
def _usable(root: Path, listed: Listed) -> tuple[str, ...]:
    """The files that seem to be usable; one warning names the others."""
    files = [file for file, _, _ in listed]
    faults = faults_of(files, functools.partial(_check, root), what=root.name, unit="images")
    for fault in faults:
        if isinstance(fault, NotEnoughMemory):  # or the images of a run would depend on what else runs
            said = _without_advice(fault)
            raise InputError(f"{said}: close other programs, or move it out of {root}") from fault
    broken = [_without_advice(fault) for fault in faults if fault]
    if broken:
        warnings.warn(
            f"{len(broken)} of the {len(files)} image files in {root} cannot be used and are left out: "
            f"{shortened(broken, _NAMED, between='; ')}",
            stacklevel=2,
        )
    return tuple(file for file, fault in zip(files, faults, strict=True) if not fault)


def _check(root: Path, file: str) -> None:
    with opened_file(root / file, file) as stream:
        whole = seems_whole(file, stream)
    if not whole:
        decode_image(root / file, name=file)


def _without_advice(error: InputError) -> str:
    return str(error).rsplit(": ", 1)[0]


def _splits(root: Path, files: tuple[str, ...]) -> dict[Split, list[str]]:
    if len(files) < 3:
        raise InputError(
            f"{root} holds {len(files)} usable image files, and train, validation and test need one each: "
            f"give a folder with at least 3"
        )
    named: dict[Split, list[str]] = {split: [] for split in SPLITS}
    elsewhere: list[str] = []
    for file in sorted(files, key=hash_fraction):
        split = split_of_folder(file)
        (named[split] if split else elsewhere).append(file)
    missing = [split for split in SPLITS if not named[split]]
    if len(missing) > 1 or missing == ["train"]:
        _check_undivided(root, files)
        return split_by_hash(files)
    for split in missing:
        if len(named["train"]) < 2:
            raise InputError(f"{root}/train needs at least 2 usable images, since there is no folder for {split}")
        border = bisect.bisect_left(named["train"], _TENTH, key=hash_fraction)
        border = max(1, min(border, len(named["train"]) - 1))
        named[split], named["train"] = named["train"][border:], named["train"][:border]
    what = f"images in {root} are left out, since they are beside its folders of splits"
    _warn_of(what, tuple(sorted(elsewhere)), "move them into one to use them")
    return named


def _check_undivided(root: Path, files: tuple[str, ...]) -> None:
    """Refuses to mix what folders below divide already, since images for testing would be trained on."""
    found: dict[Split, Path] = {}
    for file in sorted(files):
        for folder in Path(file).parents:
            if split := SPLIT_FOLDERS.get(folder.name.lower()):
                found.setdefault(split, folder)
    names = tuple(folder.as_posix() for folder in found.values())
    if len(found) > 1:
        homes = {folder.parent for folder in found.values()}
        home = homes.pop() if len(homes) == 1 and "train" in found else Path()
        way = "put them beside each other, that of the training images as train" if home == Path() else ""
        raise InputError(
            f"{root} has folders named as splits ({', '.join(names)}), but not train beside val or test in {root} "
            f"itself: {way or f'give --data-dir {root / home}'}, or rename them if they are not splits"
        )
    if found.keys() - {"train"} and not all(SPLIT_FOLDERS.keys() & file.lower().split("/")[:-1] for file in files):
        what = f"folders in {root} that are named as splits are divided like the other images"
        _warn_of(what, names, "put those of training images into a folder train beside them, or rename them")
