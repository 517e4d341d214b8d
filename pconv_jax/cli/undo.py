"""Undoes restorations by their receipts: the photograph as it was, to the bit."""

import os
from pathlib import Path

from pconv_jax.cli.photographs import RECEIPT
from pconv_jax.cli.receipt import with_originals
from pconv_jax.cli.receipt_file import file_hash, is_before, pixels_hash, read_receipt
from pconv_jax.cli.series import work_through
from pconv_jax.cli.summary import Summary
from pconv_jax.common.errors import InputError
from pconv_jax.common.output import hide_messages_of_libraries
from pconv_jax.common.paths import names_folder
from pconv_jax.imaging import OUTPUT_FORMATS, other_files, read_photograph, write_photograph
from pconv_jax.imaging.formats import FORMATS
from pconv_jax.imaging.writing import copy_file

_SKIPPED = "skipped, since the file exists (--overwrite replaces it)"
_KINDS = {suffix: each.name for each in FORMATS for suffix in each.suffixes}


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
    into_one = folder if restored.is_dir() else paired[0][2].parent
    summary = Summary()

    def undo_one(pair: tuple[Path, Path, Path]) -> str:
        return _undo_one(*pair, overwrite=overwrite, max_pixels=max_pixels)

    for _, done in work_through(paired, undo_one, summary, image=lambda pair: pair[0], results=lambda _: into_one):
        if done is not None:
            summary.counts["undone" if done else _SKIPPED] += 1
            summary.notes += [done] * bool(done)
    return summary


def _undo_one(result: Path, path: Path, target: Path, *, overwrite: bool, max_pixels: int | None) -> str:
    """A sentence about what was written; empty if there was nothing to do."""
    receipt = read_receipt(path)
    if target.exists() and not overwrite:
        return ""
    if target.is_symlink() and target.exists():
        target = target.resolve()
    if target.exists() and any(target.samefile(each) for each in (receipt.file, receipt.originals) if each.exists()):
        raise InputError(f"{target} is needed to undo the restoration: choose another file for --out")
    if file_hash(result) != receipt.result:
        if target.exists() and target.samefile(result) and is_before(receipt, result, max_pixels=max_pixels):
            return f"{target} was undone before"
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
        if pixels_hash(read_photograph(finished, max_pixels=max_pixels, quiet=True)) != receipt.pixels:
            raise InputError(
                f"{target} would not hold the pixels of {receipt.photograph} to the bit: "
                + ("write PNG or TIFF" if kind in ("JPEG", "WEBP") else f"{receipt.file} does not belong to the others")
            )

    with hide_messages_of_libraries():
        before = read_photograph(receipt.originals, max_pixels=max_pixels, quiet=True)
        if not receipt.whole:
            before = with_originals(read_photograph(result, max_pixels=max_pixels, quiet=True), before)
    write_photograph(target, before, quality=100 if kind == "WEBP" else None, check=check)
    if before.notes or (before.infrared is not None and kind != "TIFF"):
        kept = receipt.originals.suffix if receipt.whole else ".tif"
        return (
            f"{target} has what is seen of {receipt.photograph}, not all that it holds: "
            f"--out NAME{kept} brings that back"
        )
    return f"{target} has the pixels of {receipt.photograph}, to the bit, saved without loss"
