"""Undoes restorations by their receipts: the photograph as it was, to the bit."""

import dataclasses
import os
import warnings
from pathlib import Path
from typing import Any

from pconv_jax.cli.photographs import RECEIPT
from pconv_jax.cli.receipt import FORMAT, INPUT_FILE, file_hash, pixels_hash, with_originals
from pconv_jax.cli.summary import FAULTS, Summary
from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.json_values import read_json
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.common.paths import check_regular, names_folder
from pconv_jax.imaging import OUTPUT_FORMATS, Photograph, other_files, read_photograph, write_photograph
from pconv_jax.imaging.formats import FORMATS
from pconv_jax.imaging.writing import copy_file

_SKIPPED = "skipped, since the file exists (--overwrite replaces it)"
_KINDS = {suffix: each.name for each in FORMATS for suffix in each.suffixes}


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What a receipt says that is needed to undo a restoration.

    Attributes:
        file: the receipt.
        result: SHA-256 of the result.
        originals: the file beside the receipt with what was there before.
        originals_hash: SHA-256 of it.
        whole: whether that is the input file, not only the pixels that were replaced.
        photograph: name of the input file.
        photograph_hash: SHA-256 of it.
        pixels: hash of the input's pixels.
    """

    file: Path
    result: str
    originals: Path
    originals_hash: str
    whole: bool
    photograph: str
    photograph_hash: str
    pixels: str


def undo(
    restored: Path, out: str | os.PathLike[str], *, receipt: Path | None, overwrite: bool, max_pixels: int | None
) -> Summary:
    """Undoes the restoration of a photograph, or of all in a folder that have receipts.

    Args:
        restored: the result of `pconv-jax inpaint --receipt`, or a folder of them.
        out: the file to write; or a folder, if it exists or ends in a slash, or `restored` is one.
        receipt: its receipt, if that is not beside it.
        overwrite: replace files that exist; otherwise they are skipped.
        max_pixels: of a photograph, as for `read_photograph`.

    Returns:
        The outcomes, with a sentence for each photograph.

    Raises:
        InputError: there is no such photograph or folder, no receipt in the folder, or `out` or `receipt` goes with the
            other kind.
    """
    if not restored.exists():
        raise InputError(f"{restored} does not exist: give a restored photograph, or a folder of them")
    folder = Path(out)
    if restored.is_dir():
        if receipt is not None:
            raise InputError(f"--receipt is for one photograph, but {restored} is a folder: leave it out")
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--out {folder} is a file, but {restored} is a folder: give a folder for the photographs")
        names = [name for name in other_files(restored) if name.name.endswith(RECEIPT)]
        if not names:
            raise InputError(f"{restored} holds no receipt (*{RECEIPT}): restore with --receipt to be able to undo")
        work = [(restored / name, folder / name.with_name(name.name.removesuffix(RECEIPT))) for name in names]
        paired = [(path.with_name(path.name.removesuffix(RECEIPT)), path, target) for path, target in work]
    else:
        into = folder.is_dir() or names_folder(out)
        beside = restored.with_name(restored.name + RECEIPT)
        paired = [(restored, receipt or beside, folder / restored.name if into else folder)]
    summary = Summary()
    for result, path, target in paired:
        try:
            done = _undo_one(result, path, target, overwrite=overwrite, max_pixels=max_pixels)
        except FAULTS as error:
            summary.fail(result, error)
        else:
            summary.counts["undone" if done else _SKIPPED] += 1
            summary.notes += [done] * bool(done)
    return summary


def _undo_one(result: Path, path: Path, target: Path, *, overwrite: bool, max_pixels: int | None) -> str:
    """A sentence about what was written; empty if there was nothing to do."""
    receipt = _read(path)
    if target.exists() and not overwrite:
        return ""
    if target.is_symlink() and target.exists():
        target = target.resolve()
    if target.exists() and any(target.samefile(each) for each in (receipt.file, receipt.originals) if each.exists()):
        raise InputError(f"{target} is needed to undo the restoration: choose another file for --out")
    if file_hash(result) != receipt.result:
        raise InputError(
            f"it is not the file that {path} is of, or was changed since: give the result as it was written"
        )
    if file_hash(receipt.originals) != receipt.originals_hash:
        raise InputError(f"{receipt.originals} was changed since {path} was written: undo needs it as it was")
    if receipt.whole and receipt.originals_hash != receipt.photograph_hash:
        raise InputError(f"{receipt.originals} is not the input file of {path}: give the receipt as it was written")
    kind = OUTPUT_FORMATS.get(target.suffix.lower())
    if receipt.whole and _KINDS.get(target.suffix.lower()) == _KINDS.get(receipt.originals.suffix.lower()):
        copy_file(receipt.originals, target)
        return f"{target} is {receipt.photograph} itself, to the byte"

    def check(finished: Path) -> None:
        if pixels_hash(_read_quietly(finished, max_pixels)) != receipt.pixels:
            raise InputError(
                f"{target} would not hold the pixels of {receipt.photograph} to the bit: "
                + ("write PNG or TIFF" if kind in ("JPEG", "WEBP") else f"{receipt.file} does not belong to the others")
            )

    with hide_messages_of_libraries():
        known = _read_quietly(receipt.originals, max_pixels)
        before = known if receipt.whole else with_originals(_read_quietly(result, max_pixels), known)
    write_photograph(target, before, quality=100 if kind == "WEBP" else None, check=check)
    if before.notes or (before.infrared is not None and kind != "TIFF"):
        kept = receipt.originals.suffix if receipt.whole else ".tif"
        return (
            f"{target} has what is seen of {receipt.photograph}, not all that it holds: "
            f"--out NAME{kept} brings that back"
        )
    return f"{target} has the pixels of {receipt.photograph}, to the bit, saved without loss"


def _read_quietly(path: Path, max_pixels: int | None) -> Photograph:
    """A photograph, without the warnings that were given when it was restored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return read_photograph(path, max_pixels=max_pixels)


def _read(path: Path) -> Receipt:
    check_regular(path)
    try:
        content = read_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no receipt at {path}: name it with --receipt FILE") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({reason(error)}): check that it is a file that may be read"
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path} is not a receipt, or damaged: give the one that was written with the result"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a receipt that this version can read ({FORMAT}): give another, or update")
    originals = _text(path, content, "originals", "file")
    if Path(originals).name != originals or not _can_be_a_name(originals):
        raise InputError(
            f"{path} names {originals!r}, which is not a file beside it: give the receipt as it was written"
        )
    return Receipt(
        path,
        _text(path, content, "result", "sha256"),
        path.with_name(originals),
        _text(path, content, "originals", "sha256"),
        _text(path, content, "originals", "holds") == INPUT_FILE,
        _text(path, content, "input", "file"),
        _text(path, content, "input", "sha256"),
        _text(path, content, "input", "pixels_sha256"),
    )


def _can_be_a_name(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _text(path: Path, content: dict[str, Any], part: str, key: str) -> str:
    section = content.get(part)
    value = section.get(key) if isinstance(section, dict) else None
    if not isinstance(value, str) or not value:
        raise InputError(f"{path} does not say {part}.{key}: give the receipt as it was written")
    return value
