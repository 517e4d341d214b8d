"""Names that differ, and yet are one file: on drives that ignore case (Windows, macOS, exFAT) or the Unicode form."""

import contextlib
import functools
import tempfile
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path


def folded(name: str) -> str:
    """A name without the difference of upper and lower case, and in one Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def one_for_each_file(paths: Iterable[Path]) -> Callable[[Path], Path]:
    """A function of these paths that is equal for names of one file, of files that need not exist.

    Only where names differ in nothing but case or Unicode form, their folder is asked whether it ignores that.

    Args:
        paths: the paths.
    """
    alike: dict[str, set[Path]] = {}
    for path in paths:
        alike.setdefault(folded(str(path)), set()).add(path)
    doubtful = {path for names in alike.values() if len(names) > 1 for path in names}

    def one(path: Path) -> Path:
        if path not in doubtful:
            return path
        case, form = of_folder(path.parent)
        name = str(path)
        if case:
            return Path(folded(name) if form else name.casefold())
        return Path(unicodedata.normalize("NFC", name) if form else name)

    @functools.cache
    def of_folder(folder: Path) -> tuple[bool, bool]:
        return ignored(next(place for place in (folder, *folder.absolute().parents) if place.is_dir()))

    return one


def ignored(folder: Path) -> tuple[bool, bool]:
    """Whether a folder ignores the case of names, and their Unicode form; neither if nothing can be written there."""
    case = form = False
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix=".pconv-jax-", dir=folder) as place:
        Path(place, "a").touch()
        case = Path(place, "A").exists()
        Path(place, "\u00e9").touch()
        form = Path(place, "e\u0301").exists()
    return case, form
