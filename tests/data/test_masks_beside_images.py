"""Folders in which masks or opacity maps lie beside the images: what is not trained on as an image."""

import pytest
from PIL import Image

from pconv_jax import data
from pconv_jax.common.errors import InputError


def make_images(root, *names):
    """Images of different colours."""
    for colour, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), colour).save(root / name)


def test_folders_of_masks_below_are_left_out_and_named(tmp_path):
    make_images(tmp_path, *(f"{number}.png" for number in range(4)), "masks/0.png", "masks/more/1.png", "other/a.png")
    (tmp_path / "linked").symlink_to(tmp_path / "masks", target_is_directory=True)
    message = r"not photographs \(2: linked, linked/more\): keep them apart$"  # of one place, one path is listed
    with pytest.warns(
        UserWarning,
        match="pictures in folders of masks or opacity maps in .* are left out, since they are " + message,
    ):
        source = data.FolderSource(tmp_path, "all", without=[tmp_path / "masks", None])
    assert sorted(source.files) == ["0.png", "1.png", "2.png", "3.png", "other/a.png"]


def test_a_folder_of_masks_that_holds_the_images_too_leaves_none_out(tmp_path):
    make_images(tmp_path, *(f"photos/{number}.png" for number in range(4)))
    assert len(data.FolderSource(tmp_path / "photos", "all", without=[tmp_path]).files) == 4


def test_images_are_not_their_own_masks(tmp_path):
    make_images(tmp_path, "photos/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    for masks in (tmp_path / "photos", tmp_path / "link"):
        with pytest.raises(InputError, match=r"photos is given both for images and for masks or opacity maps: keep"):
            data.FolderSource(tmp_path / "photos", "all", without=[masks])


def test_files_named_as_masks_of_images_beside_them_are_named(tmp_path):
    make_images(tmp_path, "a.png", "a_mask.png", "b.png", "a man in a mask.png", "c_mask.png")
    with pytest.warns(UserWarning, match=r"named as masks of images .* used as images \(1: a_mask\.png\): move them"):
        source = data.FolderSource(tmp_path, "train")
    assert sum(len(data.FolderSource(tmp_path, split).files) for split in data.SPLITS) == 5
    assert source.split == "train"
