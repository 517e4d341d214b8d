"""celeb_a where part of the official files is missing: what upstream's builder cannot do without is made up.

The builder reads four lists along with the archive of images. Copies of CelebA often come without them, or
hold the first few thousand images, all of which are in the official train split.
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
LISTS = (PARTITION, "list_attr_celeba.txt", "list_landmarks_align_celeba.txt", "identity_CelebA.txt")


def complete(files: Mapping[str, Path], work: Path) -> tuple[Any, dict[str, Path], str]:
    """Completes the official files with what the builder cannot do without.

    Args:
        files: path by official name; the archive is there (packed, or the folder it is unpacked in), lists
            may not be.
        work: folder for the lists that are written here.

    Returns:
        The builder class: upstream's, or with a list missing one that keeps the images only, under another
        name; all files that it reads; and what a reader of scores must know.

    Raises:
        InputError: no images, or a list that cannot be read.
    """
    tfds = import_tfds()

    present = image_names(files[ARCHIVE])
    parts, note = _partition(present, files.get(PARTITION))
    (work / PARTITION).write_text("".join(f"{name} {part}\n" for name, part in sorted(parts.items())))
    completed = dict(files) | {PARTITION: work / PARTITION}
    if files.keys() >= set(LISTS) - {PARTITION}:
        return tfds.builder_cls("celeb_a"), completed, note
    for file in LISTS[1:]:
        # Every name, and nothing about it. Two of the lists open with lines for a count and for headings.
        headings = "" if file == LISTS[-1] else f"{len(present)}\n\n"
        (work / file).write_text(headings + "".join(f"{name}\n" for name in present))
        completed[file] = work / file
    return images_only(), completed, note


def image_names(archive: Path) -> list[str]:
    """File names of the images in the archive, or in the folder img_align_celeba beside it, sorted.

    Args:
        archive: the ZIP file, or the folder that holds img_align_celeba.

    Returns:
        Names such as "000001.jpg".

    Raises:
        InputError: the archive is damaged, or holds fewer than three images.
    """
    if archive.is_dir():
        paths: Iterable[str] = (str(path) for path in (archive / "img_align_celeba").iterdir())
    else:
        try:
            with zipfile.ZipFile(archive) as opened:
                paths = opened.namelist()
        except zipfile.BadZipFile as error:
            raise InputError(f"{archive} is damaged or no ZIP file ({error}); copy it again.") from error
    names = sorted({PurePosixPath(path).name for path in paths if path.endswith(".jpg")})
    names = [name for name in names if not name.startswith(".")]
    if len(names) < 3:
        raise InputError(f"{archive} holds {len(names)} images of celeb_a, and three splits need at least 3.")
    return names


def _partition(present: list[str], official: Path | None) -> tuple[dict[str, int], str]:
    """0, 1 or 2 (train, validation, test) for each image, and whose split it is."""
    if official is None:
        why = f"there is no {PARTITION}"
    else:
        known = set(present)
        rows = [line.split() for line in official.read_text().splitlines() if line.strip()]
        if any(len(row) != 2 or row[1] not in ("0", "1", "2") for row in rows):
            raise InputError(f"{official} does not list splits (lines like '000001.jpg 0'); copy it again.")
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
    """Upstream's celeb_a builder, keeping of every example the image alone, of any size."""
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
