"""Image files by their names: which count in a folder, and which mask belongs to which image."""

import unicodedata
from pathlib import Path

import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import (
    IMAGE_SUFFIXES,
    OUTPUT_FORMATS,
    best_matches,
    formats,
    image_files,
    masks_beside,
    matching_masks,
    other_files,
)


@pytest.fixture
def folder(tmp_path):
    """Makes empty files, as only names count."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def test_the_table_of_formats():
    assert len(set(IMAGE_SUFFIXES)) == len(IMAGE_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
    assert len({each.name for each in formats.FORMATS}) == len(formats.FORMATS)
    assert dict(OUTPUT_FORMATS) == {
        ".png": "PNG",
        **dict.fromkeys([".jpg", ".jpeg", ".jpe", ".jfif"], "JPEG"),
        ".tif": "TIFF",
        ".tiff": "TIFF",
        ".webp": "WEBP",
    }


def test_image_files_are_found_by_their_suffix(folder):
    root = folder(
        "b.PNG", "a/c.jfif", "a/B.tif", "a.b.jpg", "notes.txt", ".hidden.png", ".hidden/a.png", "png", "x.png/y.gif"
    )
    assert [file.as_posix() for file in image_files(root)] == ["a.b.jpg", "a/B.tif", "a/c.jfif", "b.PNG", "x.png/y.gif"]


def test_all_users_of_the_table_find_the_same_files(folder):
    from pconv_jax.cli.holes import Holes
    from pconv_jax.cli.jobs import plan
    from pconv_jax.data import folder as source
    from pconv_jax.imaging import mask_files

    names = [f"{number}{suffix}" for number, suffix in enumerate(IMAGE_SUFFIXES)]
    root = folder(*names)
    assert sorted(map(str, mask_files(root))) == sorted(names)
    assert sorted(file for file, _, _ in source._listed(root, [], [], lambda _: False)) == sorted(names)
    jobs = plan([root], root.parent / "out", Holes(mask_alpha=True)).jobs
    assert sorted(job.image.name for job in jobs) == sorted(names)
    assert {job.out.suffix for job in jobs} == set(OUTPUT_FORMATS)


def test_links_to_folders_are_followed_once(folder):
    root = folder("in/a.png", "out/b.png")
    (root / "in" / "more").symlink_to(root / "out")
    (root / "out" / "back").symlink_to(root / "in")
    assert [file.as_posix() for file in image_files(root / "in")] == ["a.png", "more/b.png"]


def test_a_mask_has_the_path_of_its_image_and_any_suffix(folder):
    root = folder("a.gif", "deep/b.PNG", "c.d.tif", "other.png")
    names = ["deep/b.jpg", "a.png", "c.d.jpg"]
    assert [mask.as_posix() for mask in matching_masks(list(map(Path, names)), root)] == [
        "deep/b.PNG",
        "a.gif",
        "c.d.tif",
    ]
    assert matching_masks([], root) == []


def test_of_several_masks_the_one_with_the_very_name_is_meant(folder):
    root = folder("a.jpg", "a.png", "b.gif", "b.tif")
    assert matching_masks([Path("a.png"), Path("a.jpg")], root) == [Path("a.png"), Path("a.jpg")]
    with pytest.raises(InputError, match=r"has more than one mask for b\.png, b\.gif and b\.tif: keep only one$"):
        matching_masks([Path("a.png"), Path("b.png")], root)


def test_images_without_a_mask_are_named_up_to_three(folder):
    root = folder("a.png", "sub/c.png")
    missing = [Path(f"{name}.jpg") for name in "abcde"]
    with pytest.raises(InputError, match=r"has no mask for b\.jpg, c\.jpg, d\.jpg and 1 more: .* such as b\.png$"):
        matching_masks(missing, root)
    with pytest.raises(InputError, match=r"has no mask for c\.jpg: each image needs one of the same name there"):
        matching_masks([Path("a.jpg"), Path("c.jpg")], root)


def test_an_image_is_not_the_mask_of_itself(folder):
    root = folder("a.jpg", "a_mask.png", "b.jpg")
    assert matching_masks([Path("a.jpg")], root, beside=True) == [Path("a_mask.png")]
    with pytest.raises(InputError, match=r"no mask for b\.jpg: each image needs one beside it, such as b_mask\.png$"):
        matching_masks([Path("a.jpg"), Path("b.jpg")], root, beside=True)


@pytest.mark.parametrize("suffix", [".png", ".GIF"])
@pytest.mark.parametrize(
    "name", ["x", "X", "x.jpg", "x_mask", "X_MASK", "x_mask001", "x-mask-2", "x.mask", "x.jpg.mask"]
)
def test_names_of_masks(name, suffix):
    mask = f"{name}{suffix}"
    others = [Path(name) for name in ("xmask.png", "x1.png", "y_mask.png", "deep/x.png", "mask.png", "x_masked.png")]
    assert best_matches([Path("x.jpg")], [*others, Path(mask)]) == [[Path(mask)]]
    assert best_matches([Path("x.jpg")], others) == [[]]


def test_the_best_of_several_names_of_masks():
    ranks = ["x.jpg", "x.png", "X.png", "x.jpg.png", "x_mask.png"]
    for first in range(len(ranks)):
        assert best_matches([Path("x.jpg")], map(Path, ranks[first:])) == [[Path(ranks[first])]]
    equal = [Path("x_mask1.png"), Path("x_mask2.png")]
    assert best_matches([Path("x.jpg")], equal) == [equal]
    assert best_matches([Path("a.jpg"), Path("A.jpg")], [Path("a.png"), Path("A.png")]) == [
        [Path("a.png")],
        [Path("A.png")],
    ]


def test_composed_and_decomposed_names_are_the_same():
    composed, decomposed = (Path(unicodedata.normalize(form, "é/café.png")) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert best_matches([composed], [decomposed]) == [[decomposed]]
    assert best_matches([decomposed], [composed]) == [[composed]]


def test_masks_among_images():
    names = ["a.jpg", "a_mask.png", "b_mask.png", "c.png", "c.png.mask001.png", "deep/a.jpg", "deep/c_mask.png"]
    assert list(map(str, masks_beside(list(map(Path, names))))) == ["a_mask.png", "c.png.mask001.png"]


def test_other_files_are_those_that_are_no_images(folder):
    root = folder("a.png", "b.txt", "deep/c.NEF", ".hidden", "d", ".e/f.txt")
    assert [file.as_posix() for file in other_files(root)] == ["b.txt", "d", "deep/c.NEF"]
    assert not {suffix for each in formats.FORMATS for suffix in each.suffixes} & formats.RAW_SUFFIXES
    assert ".hif" in formats.IMAGE_SUFFIXES  # HEIF of cameras
    assert {".dcr", ".sr2", ".srf", ".mos", ".gpr"} <= formats.RAW_SUFFIXES  # TIFF files with a preview
