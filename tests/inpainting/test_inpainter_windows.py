"""Inpainting window by window: as if whole, no seam, wide holes, borders, nothing left empty."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inpainter_examples import CONFIG, SMALL, as_batch, damaged, untrained, whole

from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.common.errors import WideHolesWarning
from pconv_jax.inpainting import inpainter as inpainter_module
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.loaded import loaded_inpainter
from pconv_jax.inpainting.windows import GRID, blocks_with_hole, choose_windows
from pconv_jax.masks import random_strokes
from pconv_jax.models import PaperConfig
from pconv_jax.models.fill import pyramid_fill


@pytest.fixture
def network_itself(monkeypatch):
    """The network is shown images as they are."""
    monkeypatch.setattr("pconv_jax.inpainting.window_pass.tones_around", lambda *_: None)
    monkeypatch.setattr("pconv_jax.inpainting.window_pass.white_noise", lambda *_: 0.0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (17, 5), (33, 300), (200, 150), (400, 330)])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.usefixtures("network_itself")
def test_in_windows_or_whole_is_the_same_to_one_level(model, inpainter, height, width, seed):
    image, mask = damaged(height, width, seed=seed, spots=6)
    if (height, width) == (1, 1):
        mask[:] = 1
    expected = whole(model, image, mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        results = [Inpainter(model, windows=sizes)(image, mask) for sizes in (SMALL, (176,), (128, 256, 384))]
    for result in results:
        assert np.abs(result.astype(float) - np.where(mask[..., None] == 0, expected, image)).max() <= 1


def test_fewer_sizes_of_windows_only_where_that_is_asked_for(model, weights, monkeypatch):
    image, mask = damaged(200, 150, seed=0, spots=6)
    costs = []

    def choose(hole, sizes, *, program):
        costs.append(program)
        return choose_windows(hole, sizes, program=program)

    monkeypatch.setattr(inpainter_module, "choose_windows", choose)
    results = [Inpainter(model, few_sizes=few)(image, mask).astype(float) for few in (False, True)]
    Inpainter(model, few_sizes=True, best=True)(image, mask)
    assert costs == [0, 200_000, 25_000]  # best: a window takes eight times as long, and a program as long as before
    assert np.abs(results[0] - results[1]).max() <= 1
    loaded_inpainter(weights)(image, mask)
    assert costs[3:] == [200_000]


def is_inpainted(window, row, column):
    place = (row - window.top) // GRID, (column - window.left) // GRID
    return all(0 <= index < len(window.blocks) for index in place) and window.blocks[place]


def test_broad_holes_get_more_context_and_each_block_one_window():
    hole = np.zeros((800, 1000), bool)
    hole[300:320, 200:230] = True  # broad
    hole[320:324, 215:700] = True  # a thin line that begins there
    hole[700:702, 40:60] = hole[0, 999] = True
    windows = choose_windows(hole, (96, 160))
    times = np.zeros((50, 63), int)
    for window in windows:
        rows, columns = np.nonzero(window.blocks)
        times[rows + window.top // GRID, columns + window.left // GRID] += 1
    np.testing.assert_array_equal(times, blocks_with_hole(hole))
    around = next(window for window in windows if is_inpainted(window, 310, 210))
    assert around.size == 160  # 96 px leave nothing between margins of 48
    assert around.top <= 300 - 48 and around.top + 160 >= 320 + 48
    assert around.left <= 200 - 48 and around.left + 160 >= 230 + 48
    assert {window.size for window in windows} == {96, 160}


def test_the_window_of_a_broad_hole_inpaints_thin_ones_near_it():
    hole = np.zeros((800, 1000), bool)
    hole[300:320, 200:230] = hole[320:324, 200:240] = hole[280:284, 180:250] = True
    (window,) = choose_windows(hole, (96, 160))
    assert window.size == 160


def test_holes_wider_than_a_window_are_filled_and_told(model):
    inpainter = Inpainter(untrained(thickest_line=24), windows=(176,))
    image = np.full((300, 400, 3), 90, np.uint8)
    image[:, 200:] = 160
    mask = np.ones((300, 400), np.uint8)
    mask[20:280, 100:300] = False
    with pytest.warns(WideHolesWarning, match=r"holes are about 2\d\d px across, .* lines up to 24 px"):
        inpainted = inpainter(image, mask)
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask[20:280, 100:300] = True
        mask[:, 100:112] = False
        inpainter(image, mask)


def test_the_width_of_a_hole_that_fills_a_window_is_a_number_of_pixels():
    mask = np.ones((300, 300), np.uint8)
    mask[20:280, 20:280] = False
    with pytest.warns(UserWarning, match=r"holes are about [12]\d\d px across"):
        Inpainter(untrained(thickest_line=24), windows=(128,))(np.full((300, 300), 90, np.uint8), mask)


def test_a_window_of_nothing_but_hole_is_filled_from_what_is_far_away(model):
    still = TrainedGenerator(
        CONFIG, jax.tree.map(jnp.zeros_like, model.params), model.stats
    )  # leaves the fill as it is
    rows = np.linspace(20, 90, 500, dtype=np.float32)[:, None, None]
    image = np.rint(np.broadcast_to(rows, (500, 460, 3))).astype(np.uint8)
    mask = np.ones((500, 460), np.float32)
    mask[100:420, 50:430] = 0
    expected = pyramid_fill(image[None].astype(np.float32) / 255, mask[None, ..., None])[0] * 255
    inpainted = Inpainter(still, windows=SMALL)(image, mask)
    assert np.abs(inpainted - expected).max() <= 2


def test_partial_convolutions_leave_nothing_black_either():
    config = PaperConfig(widths=(4,))
    inpainter = Inpainter(untrained(config), windows=SMALL)
    image = np.full((160, 170, 3), 200 / 255, np.float32)  # whose even ground is not kept even, as that of 8 bits is
    mask = np.ones((160, 170), np.uint8)
    mask[30:130, 30:130] = False  # one stage closes a few pixels
    inpainted = inpainter(image, mask)
    assert abs(inpainted[80, 80] * 255 - 200).max() <= 2
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()


@pytest.mark.parametrize("place", [np.s_[:3, 50:90], np.s_[-3:, 50:90], np.s_[50:90, :3], np.s_[50:90, -3:]])
def test_partial_convolutions_see_the_border_of_an_image_as_in_training(place):
    model = untrained(PaperConfig(widths=(4,)))
    image, mask = damaged(144, 144, spots=0)
    mask[place] = 0
    expected = whole(model, image, mask)[place].clip(0, 255)
    assert np.abs(Inpainter(model, windows=SMALL)(image, mask)[place] - expected).max() <= 1


@pytest.mark.parametrize(
    ("name", "thickest", "most", "differing"),
    [
        *(("faithful", thickest, 1, 0.001) for thickest in (6, 24, 60)),
        ("faithful-large", 24, 1, 0.002),
        ("sharp", 24, 5, 0.001),  # of 255: what it draws depends on the far surroundings too
    ],
)
def test_no_seam_shows_with_the_bundled_weights(name, thickest, most, differing):
    from pconv_jax.data import SamplesSource

    shipped = Inpainter.from_pretrained(name)
    image = np.array(SamplesSource("train")[0][:330, :410])
    rng = np.random.default_rng(thickest)
    mask = random_strokes(rng, *image.shape[:2], count=(5, 5), thickness=(thickest // 4, thickest))[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        small, large = (
            np.rint(255 * Inpainter(shipped.generator, windows=sizes)(image / np.float32(255), mask))
            for sizes in ((96, 128), (176,))
        )
    expected = np.where(mask[..., None] == 0, whole(shipped.generator, image, mask), image)
    for result in (small, large):
        assert np.abs(result - expected).max() <= most
        np.testing.assert_array_equal(result[mask == 1], image[mask == 1])
    assert (np.abs(small - large) >= most).mean() < differing  # where rounding decides


@pytest.mark.usefixtures("network_itself")
def test_windows_that_are_averaged_over_symmetries_are_the_whole_image_averaged(model):
    image, mask = damaged(160, 144, seed=3, spots=8)
    expected = np.where(mask[..., None] == 0, averaged(model, image, mask), image)
    assert np.abs(Inpainter(model, windows=SMALL, best=True)(image, mask) - expected).max() <= 1


def averaged(model, image, mask):
    """The mean over the four quarter turns, mirrored and not, of what the network makes of the whole image, 8 bits."""
    total = np.zeros(image.shape)
    for turns in range(4):
        for mirrored in (False, True):
            seen = [np.rot90(array[:, ::-1] if mirrored else array, turns) for array in (image, mask)]
            back = np.rot90(model.raw(*as_batch(*seen))[0][0], -turns)
            total += back[:, ::-1] if mirrored else back
    return np.rint(total / 8 * 255)
