"""Images that are in a folder more than once, as links or copies: one is used, and always the same."""

import shutil

import numpy as np
import pytest
from PIL import Image

from pconv_jax import data
from pconv_jax.data import same_files


def make_images(root, *names):
    """Images of different colours."""
    for colour, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), colour).save(root / name)


def files_of_splits(root):
    return {split: set(data.FolderSource(root, split).files) for split in data.SPLITS}


def test_an_image_and_links_to_it_are_used_once(tmp_path):
    make_images(
        tmp_path, "store/shared.png", *(f"set/train/{i}.png" for i in range(3)), "set/val/0.png", "set/test/0.png"
    )
    (tmp_path / "set/test/again.png").symlink_to(tmp_path / "set/train/1.png")
    (tmp_path / "set/test/stored.png").symlink_to(tmp_path / "store/shared.png")
    (tmp_path / "set/val/stored.png").symlink_to(tmp_path / "set/test/stored.png")
    with pytest.warns(UserWarning, match=r"\(2: test/again.png, val/stored.png\): splits must") as caught:
        sources = [data.open_source("folder", split, data_dir=tmp_path / "set") for split in data.SPLITS]
    assert len(caught) == 1
    assert [sorted(source.files) for source in sources] == [
        ["train/0.png", "train/1.png", "train/2.png"],
        ["val/0.png"],
        ["test/0.png", "test/stored.png"],
    ]


def test_of_copies_the_one_of_the_shortest_path_is_used(tmp_path):
    names = [f"{i:02}.png" for i in range(20)]
    make_images(tmp_path, *names)
    before = files_of_splits(tmp_path)
    (tmp_path / "a backup").mkdir()
    for name in names:  # both are before the image itself by name
        shutil.copy(tmp_path / name, tmp_path / f"{name[:2]} (1).png")
        shutil.copy(tmp_path / name, tmp_path / "a backup" / name)
    with pytest.warns(
        UserWarning,
        match=r"files in .* are left out, since they are copies of images used by another name "
        r"\(40: 00 \(1\)\.png, 01 \(1\)\.png, .* and 30 more\): splits must not share an image$",
    ) as caught:
        after = files_of_splits(tmp_path)
    assert len(caught) == 1 and after == before  # no image goes to another split
    assert len(data.FolderSource(tmp_path, "all")) == 60  # which are not to be trained on


def test_the_one_in_a_folder_of_a_split_is_used(tmp_path):
    make_images(tmp_path, *(f"a/{i}.png" for i in range(5)), "train/0.png", "test/0.png")
    for i in range(1, 3):
        shutil.copy(tmp_path / f"a/{i}.png", tmp_path / f"train/{i}.png")
        (tmp_path / f"test/{i}.png").symlink_to(tmp_path / f"a/{i + 2}.png")
    (tmp_path / "a/0.png").unlink()
    with pytest.warns(UserWarning, match="images used by another name") as caught:
        splits = files_of_splits(tmp_path)
    assert sorted(set().union(*splits.values())) == sorted(
        f"{folder}/{i}.png" for folder in ("train", "test") for i in range(3)
    )
    assert sorted(str(warning.message).split("(")[1].split(")")[0] for warning in caught) == [
        "2: a/1.png, a/2.png",
        "2: a/3.png, a/4.png",
    ]


def test_files_of_one_size_are_no_copies_and_few_are_read(tmp_path, monkeypatch):
    read = []
    digest = same_files._digest
    monkeypatch.setattr(same_files, "_digest", lambda stream: read.append(stream.name[-5]) or digest(stream))
    pixels = np.zeros((200, 200), np.uint8)
    for name, place, shade in (("a", 100, 1), ("b", 100, 2), ("c", 199, 3), ("d", 199, 4), ("e", 0, 5), ("f", 0, 5)):
        pixels[:] = 0
        pixels[place] = shade
        Image.fromarray(pixels).save(tmp_path / f"{name}.bmp")  # rows are stored from the bottom up
    with pytest.warns(UserWarning, match=r"\(1: f\.bmp\)"):
        splits = files_of_splits(tmp_path)
    assert set().union(*splits.values()) == {f"{name}.bmp" for name in "abcde"}
    assert sorted(read) == ["c", "d", "e", "f"]  # a and b differ in their middle; once for three splits
