"""celeb_a from incomplete official files: replaces the lists that the TFDS builder requires.

The builder reads four lists besides the archive of images. Copies of CelebA often lack them, or contain only the first
few thousand images, all of which are in the official train split.
"""

import functools
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pconv_jax.common.errors import InputError
from pconv_jax.data.source import split_by_hash
from pconv_jax.data.tfds.runtime import import_tfds

ARCHIVE = "img_align_celeba.zip"
PARTITION = "list_eval_partition.txt"
FOLDER = "img_align_celeba"  # in the archive
LISTS = (PARTITION, "list_attr_celeba.txt", "list_landmarks_align_celeba.txt", "identity_CelebA.txt")


def complete(files: Mapping[str, Path], work: Path) -> tuple[Any, dict[str, Path], str]:
    """Adds the lists that the builder requires to the official files.

    Args:
        files: path of each file by its official name: the archive (packed, or the folder it is unpacked in) and any of
            the lists.
        work: folder to write lists to.

    Returns:
        The builder class: that of TFDS, or one for images only if a list is missing; all files that it reads; and a
        note on how the dataset differs from the published one.

    Raises:
        InputError: no images, or a list that cannot be read.
    """
    tfds = import_tfds()
    present = image_names(files[ARCHIVE])
    parts, note = _partition(present, files.get(PARTITION))
    (work / PARTITION).write_text("".join(f"{name} {part}\n" for name, part in sorted(parts.items())), encoding="utf-8")
    completed = dict(files) | {PARTITION: work / PARTITION}
    if files[ARCHIVE].is_dir():  # where other images of the same names may lie, such as those in the wild
        completed[ARCHIVE] = files[ARCHIVE] / FOLDER
    if files.keys() >= set(LISTS) - {PARTITION}:
        return tfds.builder_cls("celeb_a"), completed, note
    for file in LISTS[1:]:
        # Names without values; two of the lists start with a line for the count and one for headings.
        headings = "" if file == LISTS[-1] else f"{len(present)}\n\n"
        (work / file).write_text(headings + "".join(f"{name}\n" for name in present), encoding="utf-8")
        completed[file] = work / file
    return images_only(), completed, note


def image_names(archive: Path) -> list[str]:
    """Sorted file names of the images in the archive, or in an unpacked folder img_align_celeba.

    Args:
        archive: the ZIP file, or the folder that contains img_align_celeba.

    Returns:
        Names such as "000001.jpg".

    Raises:
        InputError: the archive is damaged or contains fewer than three images.
    """
    if archive.is_dir():
        paths: Iterable[str] = (str(path) for path in (archive / FOLDER).iterdir())
    else:
        try:
            with zipfile.ZipFile(archive) as opened:
                paths = opened.namelist()
        except zipfile.BadZipFile as error:
            raise InputError(f"{archive} is damaged or not a ZIP file ({error}): copy it again") from error
    names = sorted({PurePosixPath(path).name for path in paths if path.endswith(".jpg")})
    names = [name for name in names if not name.startswith(".")]
    if len(names) < 3:
        raise InputError(f"{archive} contains {len(names)} images of celeb_a, but three splits need at least 3")
    return names


def _partition(present: list[str], official: Path | None) -> tuple[dict[str, int], str]:
    """0, 1 or 2 (train, validation, test) for each image, and a note if the split is not the official one."""
    if official is None:
        why = f"there is no {PARTITION}"
    else:
        known = set(present)
        lines = official.read_text(encoding="utf-8", errors="replace").splitlines()
        rows = [line.split() for line in lines if line.strip()]
        if any(len(row) != 2 or row[1] not in ("0", "1", "2") for row in rows):
            raise InputError(f"{official} does not list splits (lines like '000001.jpg 0'): copy it again")
        parts = {name: int(part) for name, part in rows if name in known}
        if {0, 1, 2} <= set(parts.values()):
            return parts, ""
        why = f"by {PARTITION} the images here would not fill three splits"
    own = split_by_hash(present).values()
    return {name: part for part, names in enumerate(own) for name in names}, (
        f"split 80/10/10 by the hash of file names, since {why}; one person may be in two splits"
    )


@functools.cache
def images_only() -> Any:
    """The celeb_a builder of TFDS, for images only, of any size."""
    tfds = import_tfds()

    class CelebAImages(tfds.builder_cls("celeb_a"), skip_registration=True):  # type: ignore[misc, call-arg]
        """CelebA without attributes, landmarks and identities; named celeb_a_images."""

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict({"image": tfds.features.Image()})
            )

        def _generate_examples(self, **inputs: Any) -> Any:
            for name, example in super()._generate_examples(**inputs):
                yield name, {"image": example["image"]}

    CelebAImages.name = "celeb_a_images"
    return CelebAImages
