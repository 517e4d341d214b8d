"""Figures: what lands where in the pixels, what a curve's panels say, files replaced as a whole, mistakes."""

import sys

import matplotlib
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from experiments import plots as figures
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


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that were saved."""
    saved = []
    save = matplotlib.figure.Figure.savefig

    def spy(self, *args, **kwargs):
        saved.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return saved


def test_holes_are_white():
    image = np.array([[[[0.1, 0.2, 0.3], [np.nan] * 3]]])
    mask = np.array([[[[1.0], [0.0]]]])
    np.testing.assert_array_equal(figures.show_holes(image, mask), [[[[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]]]])


def test_grid_puts_columns_in_order_and_rows_below_each_other(tmp_path):
    path = tmp_path / "new" / "grid.png"
    first = np.concatenate([flat(RED, 1), flat(GREEN, 1)])
    figures.image_grid([("first", first), ("second", flat(BLUE))], path, scale=16)
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
    figures.image_grid([("", chequers * RED)], tmp_path / "grid.png", scale=10)
    picture = pixels(tmp_path / "grid.png")
    top, left, bottom, right = box(picture, RED)
    expected = np.kron((chequers[0] * RED * 255).astype(np.uint8), np.ones((10, 10, 1), np.uint8))
    np.testing.assert_array_equal(picture[top:bottom, left:right], expected)


@pytest.mark.parametrize(("size", "shown"), [(64, 192), (96, 192), (128, 256), (192, 192), (256, 256)])
def test_grid_makes_small_images_visible(tmp_path, size, shown):
    figures.image_grid([("a", flat(RED, 1, size))], tmp_path / "grid.png")
    top, left, bottom, right = box(pixels(tmp_path / "grid.png"), RED)
    assert (bottom - top, right - left) == (shown, shown)


def test_grid_never_cuts_a_label(tmp_path):
    figures.image_grid([("a label much wider than its image", flat(RED))], tmp_path / "wide.png", scale=1)
    figures.image_grid([("a label much\nwider than its image", flat(RED))], tmp_path / "tall.png", scale=1)
    wide, tall = pixels(tmp_path / "wide.png"), pixels(tmp_path / "tall.png")
    for picture in (wide, tall):
        assert (picture[[0, -1]] == 255).all()
        assert (picture[:, [0, -1]] == 255).all()
    assert wide.shape[1] > tall.shape[1] > 8
    assert wide.shape[0] < tall.shape[0]


def test_grid_limit_range_and_grey(tmp_path):
    bright = flat([7.0, -3.0, 0.0], count=5)  # shown as red
    figures.image_grid([("raw", bright)], tmp_path / "raw.png", limit=2, scale=1)
    figures.image_grid([("raw", flat(RED, count=2))], tmp_path / "red.png", scale=1)
    assert box(pixels(tmp_path / "raw.png"), RED) == box(pixels(tmp_path / "red.png"), RED)
    figures.image_grid([("mask", np.zeros((1, 8, 8, 1))), ("red", flat(RED, 1))], tmp_path / "mask.png", scale=4)
    assert box(pixels(tmp_path / "mask.png"), RED)


def test_grid_names_its_rows_to_the_left_of_each(tmp_path):
    columns = [("first", np.concatenate([flat(RED, 1), flat(GREEN, 1), flat(BLUE, 1)]))]
    figures.image_grid(columns, tmp_path / "plain.png", limit=2)
    figures.image_grid(columns, tmp_path / "named.png", limit=2, rows=["best", "a much longer name", "never shown"])
    figures.image_grid(columns, tmp_path / "empty.png", limit=2, rows=["", "                  ", ""])
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
        figures.image_grid(columns, tmp_path / "grid.png", limit=2, rows=["best"])
    assert not (tmp_path / "grid.png").exists()


def test_sheet_fills_rows_from_the_left_with_captions_below(tmp_path):
    path = tmp_path / "new" / "sheet.png"
    images = np.concatenate([flat(RED, 1), flat(GREEN, 1), flat(BLUE, 1)])
    figures.image_sheet(images, path, captions=["one", "two", "a caption wider than its image"], across=2)
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
    figures.image_sheet(np.zeros((3, 8, 8, 1)), tmp_path / "sheet.png", across=8)
    picture = pixels(tmp_path / "sheet.png")
    assert picture.shape[1] == 3 * (128 + 6) + 6
    figures.image_sheet(np.zeros((3, 8, 8, 1)), tmp_path / "named.png", captions=["a", "b", "c"])
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
        figures.image_sheet(images, tmp_path / "sheet.png", **settings)
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
        figures.image_grid(columns, tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    figures.image_grid([("old", flat(RED))], path)
    before = path.read_bytes()

    def half(self, target, *args, **kwargs):
        target.write_bytes(before[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="disk full"):
        figures.image_grid([("new", flat(BLUE))], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_the_whole_old_file_while_it_is_replaced(tmp_path):
    path = tmp_path / "grid.png"
    figures.image_grid([("old", flat(RED))], path)
    before = path.read_bytes()
    with path.open("rb") as reader:
        figures.image_grid([("new", flat(BLUE))], path)
        assert reader.read() == before
    assert path.read_bytes() != before


def test_running_mean_worked_by_hand():
    values = np.array([1.0, 2.0, 6.0, 4.0, 5.0])
    np.testing.assert_allclose(figures._running_mean(values, 1), [1.5, 3, 4, 5, 4.5])
    np.testing.assert_array_equal(figures._running_mean(values, 0), values)


def test_loss_curve_panels(tmp_path, drawn):
    steps = np.arange(1, 301)
    history = {
        "generator": 100.0 * np.exp(-steps / 50) + 0.1,
        "discriminator": np.linspace(1.4, 1.0, 300),
        "with_zero": np.maximum(0.0, 100.0 - steps),
        "pixel_l2": 5.0 / steps,
    }
    settings, modules = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    figures.loss_curve(history, steps, tmp_path / "new" / "loss.png", title="dtd", units={"discriminator": "nats"})
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == modules

    with Image.open(tmp_path / "new" / "loss.png") as picture:
        assert picture.format == "PNG"
        assert np.ptp(np.asarray(picture.convert("L"))) > 200
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["loss.png"]
    (figure,) = drawn
    assert figure.get_suptitle() == "dtd"
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["generator", "discriminator", "with zero", "pixel l2"]
    assert [panel.get_yscale() for panel in panels] == ["log", "linear", "linear", "log"]
    assert [panel.get_ylabel() for panel in panels] == ["loss", "loss (nats)", "loss", "loss"]
    assert {panel.get_xlabel() for panel in panels} == {"training step"}
    for panel, values in zip(panels, history.values(), strict=True):
        recorded, mean = panel.lines
        np.testing.assert_array_equal(recorded.get_xydata(), np.stack([steps, values], axis=1))
        np.testing.assert_array_equal(mean.get_xdata(), steps)


@pytest.mark.parametrize("count", [1, 3])
def test_short_histories_are_drawn_as_points(tmp_path, drawn, count):
    figures.loss_curve({"generator": [3.0, 2.0, 1.0][:count]}, [1, 50, 100][:count], tmp_path / "l.png", title="t")
    (line,) = drawn[0].axes[0].lines
    assert line.get_marker() == "o"
    assert len(line.get_xdata()) == count


@pytest.mark.parametrize(
    ("history", "steps", "message"),
    [
        ({}, [1, 2], "no loss to draw: 0 losses at 2 steps"),
        ({"generator": []}, [], "no loss to draw: 1 losses at 0 steps"),
        ({"generator": [1.0]}, [1, 2], r"'generator' has shape \(1,\).*\(2,\)"),
        ({"generator": [1.0, 2.0]}, [2, 2], "increasing"),
        ({"generator": [1.0, np.nan]}, [10, 20], "'generator' is nan at step 20"),
        ({"generator": [-np.inf, 1.0]}, [10, 20], "'generator' is -inf at step 10"),
    ],
)
def test_loss_curve_mistakes(tmp_path, history, steps, message):
    with pytest.raises(InputError, match=message):
        figures.loss_curve(history, steps, tmp_path / "loss.png", title="t")
    assert not list(tmp_path.iterdir())
