"""Files of receipts: what they say, and whether one is still needed."""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from pconv_jax.cli.jobs import Job
from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.json_values import read_json
from pconv_jax.common.paths import check_regular
from pconv_jax.imaging import Photograph, read_photograph
from pconv_jax.imaging.strips import strips

FORMAT = "pconv_jax receipt 1"
REPLACED_PIXELS = "the replaced pixels"
INPUT_FILE = "the input file"


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


def read_receipt(path: Path) -> Receipt:
    """What a receipt says.

    Raises:
        InputError: there is none, or it cannot be read.
    """
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


def check_way_back(job: Job) -> None:
    """Refuses to restore a result in its place without a receipt: that of the earlier restoration would not fit it.

    Args:
        job: the photograph to restore.

    Raises:
        InputError: naming the receipt.
    """
    if job.in_place and is_restored(job):
        raise InputError(
            f"{job.receipt} is the way back from an earlier restoration, and would not fit any more: undo that, or "
            "choose another file"
        )


def is_restored(job: Job) -> bool:
    """Whether a file that is restored in its place is, by its receipt, the result already."""
    if not os.path.isfile(job.receipt):  # False, not an error, for a name that is too long
        return False
    receipt = _readable(job)
    return receipt is not None and receipt.result == file_hash(job.image)


def forget(job: Job) -> None:
    """Removes the receipt of an earlier result, and what goes with it, once another result has replaced that."""
    if os.path.isfile(job.receipt) and (receipt := _readable(job)) is not None:
        receipt.originals.unlink(missing_ok=True)
        job.receipt.unlink()


def is_needless(job: Job, *, max_pixels: int | None) -> bool:
    """Whether a photograph is as it was before what its receipt tells of: undone, or broken off.

    Args:
        job: the photograph to restore.
        max_pixels: of it, as for `read_photograph`.
    """
    receipt = _readable(job)
    return receipt is not None and is_before(receipt, job.image, max_pixels=max_pixels)


def is_before(receipt: Receipt, image: Path, *, max_pixels: int | None) -> bool:
    """Whether a file is the photograph that a receipt tells of, as it was before; arguments as for `is_needless`."""
    if receipt.photograph_hash == file_hash(image):
        return True
    if receipt.whole:
        return False
    return receipt.pixels == pixels_hash(read_photograph(image, max_pixels=max_pixels, quiet=True))


def _readable(job: Job) -> Receipt | None:
    try:
        return read_receipt(job.receipt)
    except InputError:
        return None


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    check_regular(path)
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({reason(error)}): check that it is there and may be read") from error


def pixels_hash(photograph: Photograph) -> str:
    """SHA-256 of the decoded pixels with their transparency, which does not depend on the format of the file."""
    layers = photograph.layers
    digest = hashlib.sha256(f"{layers.shape} {layers.dtype.name}\n".encode())
    for strip in strips(*layers.shape[:2]):
        digest.update(layers[strip].astype(layers.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
