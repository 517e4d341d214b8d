"""Grids of images: what lands where in the pixels, files replaced as a whole, mistakes."""

import numpy as np
import pytest
from PIL import Image

from experiments import image_grids
from pconv_jax.common.errors import InputError

RED, GREEN, BLUE = np.eye(3)


def flat(colour, count: int = 2, size: int = 8) -> np.ndarray:
    return np.ones((count, size, size, 3)) * colour


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def box(picture: np.ndarray, colour) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of all pixels of one colour (0 or 1 per channel)."""
    rows, columns = np.nonzero((picture == np.asarray(colour) * 255).all(axis=-1))
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


def test_holes_are_white():
    image = np.array([[[[0.1, 0.2, 0.3], [np.nan] * 3]]])
    mask = np.array([[[[1.0], [0.0]]]])
    np.testing.assert_array_equal(image_grids.show_holes(image, mask), [[[[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]]]])


def test_grid_puts_columns_in_order_and_rows_below_each_other(tmp_path):
    path = tmp_path / "new" / "grid.png"
    first = np.concatenate([flat(RED, 1), flat(GREEN, 1)])
    image_grids.image_grid([("first", first), ("second", flat(BLUE))], path, scale=16)
    picture = pixels(path)
    red, green, blue = (box(picture, colour) for colour in (RED, GREEN, BLUE))
    for top, left, bottom, right in (red, green):
        assert (bottom - top, right - left) == (8 * 16, 8 * 16)
    assert red[1] == green[1]
    assert red[2] < green[0]
    assert red[3] < blue[1]
    assert (blue[0], blue[2]) == (red[0], green[2])
    assert (picture[: red[0]] == 0).all(axis=-1).any()  # the labels, black, above the images


def test_grid_enlarges_by_nearest_neighbour(tmp_path):
    chequers = np.array([[1.0, 0.0], [0.0, 1.0]])[None, ..., None]
    image_grids.image_grid([("", chequers * RED)], tmp_path / "grid.png", scale=10)
    picture = pixels(tmp_path / "grid.png")
    top, left, bottom, right = box(picture, RED)
    expected = np.kron((chequers[0] * RED * 255).astype(np.uint8), np.ones((10, 10, 1), np.uint8))
    np.testing.assert_array_equal(picture[top:bottom, left:right], expected)


@pytest.mark.parametrize(("size", "shown"), [(64, 192), (96, 192), (128, 256), (192, 192), (256, 256)])
def test_grid_makes_small_images_visible(tmp_path, size, shown):
    image_grids.image_grid([("a", flat(RED, 1, size))], tmp_path / "grid.png")
    top, left, bottom, right = box(pixels(tmp_path / "grid.png"), RED)
    assert (bottom - top, right - left) == (shown, shown)


def test_grid_never_cuts_a_label(tmp_path):
    image_grids.image_grid([("a label much wider than its image", flat(RED))], tmp_path / "wide.png", scale=1)
    image_grids.image_grid([("a label much\nwider than its image", flat(RED))], tmp_path / "tall.png", scale=1)
    wide, tall = pixels(tmp_path / "wide.png"), pixels(tmp_path / "tall.png")
    for picture in (wide, tall):
        assert (picture[[0, -1]] == 255).all()
        assert (picture[:, [0, -1]] == 255).all()
    assert wide.shape[1] > tall.shape[1] > 8
    assert wide.shape[0] < tall.shape[0]


def test_grid_limit_range_and_grey(tmp_path):
    bright = flat([7.0, -3.0, 0.0], count=5)  # shown as red
    image_grids.image_grid([("raw", bright)], tmp_path / "raw.png", limit=2, scale=1)
    image_grids.image_grid([("raw", flat(RED, count=2))], tmp_path / "red.png", scale=1)
    assert box(pixels(tmp_path / "raw.png"), RED) == box(pixels(tmp_path / "red.png"), RED)
    image_grids.image_grid([("mask", np.zeros((1, 8, 8, 1))), ("red", flat(RED, 1))], tmp_path / "mask.png", scale=4)
    assert box(pixels(tmp_path / "mask.png"), RED)


def test_grid_names_its_rows_to_the_left_of_each(tmp_path):
    columns = [("first", np.concatenate([flat(RED, 1), flat(GREEN, 1), flat(BLUE, 1)]))]
    image_grids.image_grid(columns, tmp_path / "plain.png", limit=2)
    image_grids.image_grid(columns, tmp_path / "named.png", limit=2, rows=["best", "a much longer name", "never shown"])
    image_grids.image_grid(columns, tmp_path / "empty.png", limit=2, rows=["", "                  ", ""])
    plain, named, empty = (pixels(tmp_path / f"{name}.png") for name in ("plain", "named", "empty"))
    shift = named.shape[1] - plain.shape[1]
    assert named.shape[0] == plain.shape[0]
    assert shift > 100  # room for the longest name
    assert (named[:, shift + 6 :] == plain[:, 6:]).all()  # nothing else has changed
    black = (named[:, : shift + 6] == 0).all(axis=-1)
    for colour, wide in ((RED, 60), (GREEN, 200)):
        top, _, bottom, _ = box(named, colour)
        rows, label = np.nonzero(black[top:bottom])
        assert abs(rows.mean() - (bottom - top) / 2) < 8  # halfway up the image
        assert 6 <= label.min() < 12 and label.max() < wide
        black[top:bottom] = False
    assert not black.any()
    assert (empty[:, : empty.shape[1] - plain.shape[1]] == 255).all()
    with pytest.raises(InputError, match="2 rows need as many labels, not 1"):
        image_grids.image_grid(columns, tmp_path / "grid.png", limit=2, rows=["best"])
    assert not (tmp_path / "grid.png").exists()


def test_sheet_fills_rows_from_the_left_with_captions_below(tmp_path):
    path = tmp_path / "new" / "sheet.png"
    images = np.concatenate([flat(RED, 1), flat(GREEN, 1), flat(BLUE, 1)])
    image_grids.image_sheet(images, path, captions=["one", "two", "a caption wider than its image"], across=2)
    picture = pixels(path)
    red, green, blue = (box(picture, colour) for colour in (RED, GREEN, BLUE))
    for top, left, bottom, right in (red, green, blue):
        assert (bottom - top, right - left) == (128, 128)
    assert (red[0], red[2]) == (green[0], green[2])
    assert red[3] < green[1]
    assert (red[1], red[3]) == (blue[1], blue[3])
    for top, bottom in ((red[2], blue[0]), (blue[2], picture.shape[0])):
        assert (picture[top:bottom] == 0).all(axis=-1).any()  # captions
    assert (picture[[0, -1]] == 255).all()
    assert (picture[:, [0, -1]] == 255).all()


def test_sheet_without_captions_wastes_no_room(tmp_path):
    image_grids.image_sheet(np.zeros((3, 8, 8, 1)), tmp_path / "sheet.png", across=8)
    picture = pixels(tmp_path / "sheet.png")
    assert picture.shape[1] == 3 * (128 + 6) + 6
    image_grids.image_sheet(np.zeros((3, 8, 8, 1)), tmp_path / "named.png", captions=["a", "b", "c"])
    assert pixels(tmp_path / "named.png").shape[0] > picture.shape[0]


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        (flat(RED)[0], {}, r"sheet must be \[N, H, W, 3\]"),
        (flat(RED), {"across": 0}, "across must be at least 1, not 0"),
        (flat(RED), {"captions": ["a"]}, "2 images need as many captions, not 1"),
    ],
)
def test_sheet_mistakes(tmp_path, images, settings, message):
    with pytest.raises(InputError, match=message):
        image_grids.image_sheet(images, tmp_path / "sheet.png", **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "at least one column"),
        (
            [("truth", flat(RED)), ("raw", flat(RED, size=9))],
            r"'raw' is \(2, 9, 9, 3\).*'truth' is \(2, 8, 8, 3\)",
        ),
        ([("truth", flat(RED)), ("raw", flat(RED, count=1))], "'raw' is"),
        ([("truth", flat(RED)[0])], r"'truth' must be \[N, H, W, 3\]"),
        ([("truth", flat(RED, count=0))], "'truth' .*not empty"),
        ([("truth", flat(RED).astype(np.uint8))], "'truth' must hold floats"),
        ([("truth", flat(np.nan))], "'truth' holds NaN"),
    ],
)
def test_grid_mistakes(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        image_grids.image_grid(columns, tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    image_grids.image_grid([("old", flat(RED))], path)
    before = path.read_bytes()

    def half(self, target, *args, **kwargs):
        target.write_bytes(before[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="disk full"):
        image_grids.image_grid([("new", flat(BLUE))], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_the_whole_old_file_while_it_is_replaced(tmp_path):
    path = tmp_path / "grid.png"
    image_grids.image_grid([("old", flat(RED))], path)
    before = path.read_bytes()
    with path.open("rb") as reader:
        image_grids.image_grid([("new", flat(BLUE))], path)
        assert reader.read() == before
    assert path.read_bytes() != before
