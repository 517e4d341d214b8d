"""Merged splits: all images of a data set, divided by their published names."""

import hashlib
import pathlib
import pickle

import numpy as np
import pytest
import scipy.io
from official_archives import dtd_files, jpeg, near, opened, shades, tar, unpack

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import merged

FLOWERS = [f"image_{number:05}.jpg" for number in range(1, 8190)]


def flowers(folder, parts):
    """Photographs 1 to 60, each in the official split that `parts` gives its number; shades 2, 4, ..., 120."""
    folder.mkdir()
    numbers = np.arange(1, 61)
    tar(folder / "102flowers.tgz", {f"jpg/image_{i:05}.jpg": jpeg(2 * i) for i in numbers}, "w:gz")
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.ones((1, 60), np.uint8)})
    sets = {name: numbers[parts(numbers) == part][None] for part, name in enumerate(("trnid", "valid", "tstid"))}
    scipy.io.savemat(folder / "setid.mat", sets)
    return folder


def names(source):
    return [source.label(i) for i in range(len(source))]


def by_hand(name):
    """The definition, written out: 48 bits of BLAKE2b of the seed and the name, as a share of all such numbers."""
    share = int(hashlib.blake2b(f"merged 0/{name}".encode(), digest_size=6).hexdigest(), 16) / 2**48
    return "train" if share < 0.9 else "validation" if share < 0.95 else "test"


def test_the_names_of_oxford_flowers_are_divided_as_published():
    parts = {split: [name for name in FLOWERS if by_hand(name) == split] for split in data.SPLITS}
    assert {split: len(part) for split, part in parts.items()} == {"train": 7328, "validation": 434, "test": 427}
    for split, part in parts.items():
        assert all(merged.merged_split(name) == split for name in part)
        content = "\n".join(sorted(part)) + "\n"
        assert data.MERGED_SHA256["oxford_flowers102"][split] == hashlib.sha256(content.encode()).hexdigest()
        assert merged.names_sha256(reversed(part)) == data.MERGED_SHA256["oxford_flowers102"][split]


def test_every_image_is_in_one_part_whatever_official_split_it_is_in(tmp_path):
    folders = [flowers(tmp_path / "a", lambda i: i % 3), flowers(tmp_path / "b", lambda i: (i > 20) * 1 + (i > 58))]
    first, second = (
        opened("oxford_flowers102", folder, splits="merged", prepared_dir=tmp_path / "kept") for folder in folders
    )
    found = {split: sorted(names(source)) for split, source in first.items()}
    assert found == {split: [name for name in FLOWERS[:60] if by_hand(name) == split] for split in data.SPLITS}
    assert {split: len(part) for split, part in found.items()} == {"train": 56, "validation": 1, "test": 3}
    for split, source in first.items():
        assert names(second[split]) == names(source) and second[split].sha256 == source.sha256
        # The pixels are those of the name.
        assert near(shades(source), [2 * int(name[6:11]) for name in found[split]])
        assert near([source[i][..., 0].mean() for i in range(len(source))], [2 * int(n[6:11]) for n in names(source)])
    assert first["train"].note == (
        f"oxford_flowers102 from {tmp_path / 'a'}: 60 images, officially 8189; official splits merged and divided "
        "90/5/5 by the hash of file names; SHA-256 of the 56 names in train begins with "
        f"{hashlib.sha256(''.join(f'{name}{chr(10)}' for name in found['train']).encode()).hexdigest()[:16]}"
    )
    limited = data.open_source("oxford_flowers102", "train", splits="merged", data_dir=folders[0], limit=5)
    assert set(names(limited)) < set(found["train"])


def test_pickling_and_smaller_images(tmp_path):
    files = {name: jpeg(100, (80, 60)) if name.endswith(".jpg") else file for name, file in dtd_files().items()}
    unpack(tmp_path, files)
    source = data.open_source("dtd", "train", splits="merged", data_dir=tmp_path)
    assert len(source) == 5 and names(source) != sorted(names(source))
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (Grain does this to start its workers)
    assert repr(copy) == repr(source) == f"MergedSource(dtd/3.0.1, split='train', images=5, names={source.sha256[:8]})"
    assert np.array_equal(copy[3], source[3]) and source.at_least(20)[3].shape == (30, 40, 3)


def test_what_cannot_be_merged_is_refused(tmp_path, monkeypatch):
    unpack(tmp_path, dtd_files())
    with pytest.raises(
        InputError, match=r"none of the 6 images of dtd in .* is in the merged validation split, which holds 5%"
    ):
        data.open_source("dtd", "validation", splits="merged", data_dir=tmp_path)
    for name in ("celeb_a", "folder", "samples"):
        with pytest.raises(InputError, match=f"joins the official splits of dtd or .*, but the data set is {name}"):
            data.open_source(name, "test", splits="merged", data_dir=tmp_path)
    # A complete data set is checked against what is published.
    monkeypatch.setitem(merged.OFFICIAL_SIZES, "dtd", (2, 2, 2))
    published = data.open_source("dtd", "train", splits="merged", data_dir=tmp_path)
    assert "officially" not in published.note
    monkeypatch.setitem(merged.MERGED_SHA256, "dtd", {"train": published.sha256})
    assert data.open_source("dtd", "train", splits="merged", data_dir=tmp_path).sha256 == published.sha256
    monkeypatch.setitem(merged.MERGED_SHA256, "dtd", {"train": "0" * 64})
    with pytest.raises(InputError, match=r"the names of the 6 images of dtd in .* are not the published ones: prepare"):
        data.open_source("dtd", "train", splits="merged", data_dir=tmp_path)


def test_the_document_has_the_published_hashes():
    document = (pathlib.Path(__file__).parents[3] / "docs" / "paper.md").read_text()
    for parts in data.MERGED_SHA256.values():
        assert all(f"`{sha256[:16]}`" in document for sha256 in parts.values())


def test_ten_classes_of_dtd(shared):
    """Of the whole data set these names are in the same parts."""
    parts = {
        split: data.open_source("dtd", split, splits="merged", data_dir=shared / "data/dtd") for split in data.SPLITS
    }
    assert {split: (len(source), source.sha256[:16]) for split, source in parts.items()} == {
        "train": (1075, "094694ce7db923dd"),
        "validation": (64, "8ba5d9f25d592cf7"),
        "test": (61, "b37260a8fe79bd7a"),
    }
