"""Inpainting images: any kind, any size, valid pixels to the bit, no seam, nothing left empty, mistakes."""

import concurrent.futures
import pickle
import tracemalloc
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

import pconv_jax
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.windows import GRID, blocks_with_hole, choose_windows
from pconv_jax.masks import random_strokes
from pconv_jax.models import FillCorrectingConfig, PaperConfig
from pconv_jax.models.fill import pyramid_fill

CONFIG = FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))
SMALL = (144, 192)


def untrained(config=CONFIG, **about):
    shapes = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))  # JAX takes seconds to draw the numbers
    rng = np.random.default_rng(0)

    def number(path, leaf):
        if "scale" in str(path) or "var" in str(path):
            return jnp.ones(leaf.shape, jnp.float32)
        # Large enough that the network, not the fill, makes the picture.
        return jnp.asarray(rng.normal(0.02, np.sqrt(1 / np.prod(leaf.shape[:-1])), leaf.shape), jnp.float32)

    params, stats = (
        jax.tree_util.tree_map_with_path(number, nnx.state(shapes, kind)) for kind in (nnx.Param, nnx.BatchStat)
    )
    return TrainedGenerator(config, params, stats, about=about)


@pytest.fixture(scope="module")
def model():
    return untrained()


@pytest.fixture(scope="module")
def inpainter(model):
    return Inpainter(model, windows=SMALL)


def damaged(height, width, *, seed=0, channels=3, dtype=np.uint8, spots=4):
    """A smooth random image with some detail, and strokes in a few places."""
    rng = np.random.default_rng(seed)
    rows, columns = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    phase = rng.uniform(0, 6, channels)
    image = (
        0.5 + 0.3 * np.sin(rows / 17 + phase) * np.cos(columns / 11) + rng.normal(0, 0.02, (height, width, channels))
    )
    mask = np.ones((height, width), np.uint8)
    for _ in range(spots):
        y, x = rng.integers(0, max(1, height - 40)), rng.integers(0, max(1, width - 40))
        part = mask[y : y + 64, x : x + 64]
        part &= random_strokes(rng, 64, 64, count=(1, 3), thickness=(1, 12))[: part.shape[0], : part.shape[1], 0] > 0
    mask[0, -1] = 1
    image = image.clip(0, 1)
    if np.dtype(dtype).kind == "u":
        image = np.rint(image * np.iinfo(dtype).max)
    return image.astype(dtype), mask


def whole(model, image, mask):
    """What the network makes of the whole image at once, as 8-bit pixels."""
    seen = (image * mask[..., None]).astype(np.float32)[None] / 255
    return np.rint(model.raw(seen, mask[None, ..., None].astype(np.float32))[0][0] * 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,)])
def test_type_and_shape_are_kept_and_valid_pixels_to_the_bit(inpainter, dtype, shape):
    image, mask = damaged(70, 90, channels=(shape or (1,))[0], dtype=dtype)
    image = image.reshape(70, 90, *shape)
    before = image.copy()
    inpainted = inpainter(image, mask)
    assert inpainted.dtype == image.dtype
    assert inpainted.shape == image.shape
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()
    assert (inpainted[mask == 0] != image[mask == 0]).mean() > 0.5
    np.testing.assert_array_equal(image, before)  # and what was given stays as it was


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_types_are_as_good_as_bytes(inpainter, dtype):
    image, mask = damaged(64, 80)
    most = 65535 if dtype is np.uint16 else 1.0
    finer = (image.astype(np.float64) / 255 * most).astype(dtype)
    if dtype is np.uint16:
        finer = image.astype(np.uint16) * 257
    result = inpainter(finer, mask).astype(np.float64) / most
    np.testing.assert_allclose(result * 255, inpainter(image, mask), atol=0.51)


def test_kinds_of_masks_that_mean_the_same(inpainter):
    image, mask = damaged(64, 80)
    expected = inpainter(image, mask)
    picture = Image.fromarray(np.where(mask == 0, 255, 0).astype(np.uint8))  # white = hole, as in files
    for same in (mask.astype(np.float32), mask[..., None], jnp.asarray(mask), picture, picture.convert("1")):
        np.testing.assert_array_equal(inpainter(image, same), expected)
    for same in (mask == 0, (mask == 0)[..., None], jnp.asarray(mask == 0), picture, picture.convert("1")):
        np.testing.assert_array_equal(inpainter(image, hole=same), expected)


def test_mask_pictures_of_16_bits_are_cut_in_the_middle_too(inpainter):
    image, mask = damaged(64, 80)
    grey = Image.fromarray(np.where(mask == 0, 40_000, 25_000).astype(np.uint16))
    assert grey.mode == "I;16"
    np.testing.assert_array_equal(inpainter(image, grey), inpainter(image, mask))


def test_pictures_of_formats_that_plug_ins_add_are_pictures(inpainter):
    class HeifImageFile(Image.Image):
        """As pillow_heif has it: of Pillow's kind, from another package."""

    image, mask = damaged(64, 80)
    expected = inpainter(image, mask)

    def as_plug_in(array):
        picture = HeifImageFile()
        picture.__setstate__(Image.fromarray(array).__getstate__())
        return picture

    inpainted = inpainter(as_plug_in(image), as_plug_in(np.where(mask == 0, 255, 0).astype(np.uint8)))
    assert isinstance(inpainted, Image.Image)
    np.testing.assert_array_equal(np.asarray(inpainted), expected)


def test_kinds_of_images(inpainter):
    image, mask = damaged(64, 80)
    expected = inpainter(image, mask)
    array = inpainter(jnp.asarray(image), mask)
    assert isinstance(array, jax.Array)
    np.testing.assert_array_equal(array, expected)
    picture = Image.fromarray(image)
    picture.info["icc_profile"] = b"profile"
    inpainted = inpainter(picture, mask)
    assert inpainted.mode == "RGB"
    assert inpainted.info["icc_profile"] == b"profile"
    np.testing.assert_array_equal(np.asarray(inpainted), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pil_images_keep_their_mode(inpainter, mode):
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    image, mask = damaged(50, 60, channels=channels, dtype=np.uint16 if mode == "I;16" else np.uint8)
    picture = Image.fromarray(image[..., 0] if channels == 1 else image, mode=None)
    assert picture.mode == mode
    inpainted = inpainter(picture, mask)
    assert (inpainted.mode, inpainted.size) == (mode, picture.size)
    np.testing.assert_array_equal(np.asarray(inpainted)[mask == 1], np.asarray(picture)[mask == 1])


def test_grey_is_as_three_equal_channels(inpainter):
    image, mask = damaged(60, 60, channels=1)
    three = inpainter(np.repeat(image, 3, axis=2), mask).astype(float).mean(axis=2)
    np.testing.assert_allclose(inpainter(image[..., 0], mask), three, atol=1)


def test_opaque_stays_opaque(inpainter):
    image, mask = damaged(60, 60, channels=4)
    image[..., 3] = 255
    image[mask == 0, 3] = 0  # erased
    inpainted = inpainter(image, mask)
    assert (inpainted[..., 3] == 255).all()
    np.testing.assert_array_equal(inpainted[..., :3], inpainter(np.ascontiguousarray(image[..., :3]), mask))


def test_what_lies_in_holes_does_not_matter(inpainter):
    image, mask = damaged(64, 80, dtype=np.float32)
    poisoned = np.where(mask[..., None] == 0, np.float32(np.nan), image)
    np.testing.assert_array_equal(inpainter(poisoned, mask), inpainter(image, mask))
    wide = np.where(mask[..., None] == 0, 1e300, image.astype(np.float64))  # beyond float32, without a warning
    np.testing.assert_array_equal(inpainter(wide, mask), inpainter(image.astype(np.float64), mask))


def test_views_that_are_read_only_or_run_backwards(inpainter):
    image, mask = damaged(64, 80)
    expected = inpainter(image, mask)
    backwards = image[::-1, ::-1].copy()[::-1, ::-1]
    backwards.flags.writeable = False
    inpainted = inpainter(backwards, np.asfortranarray(mask))
    np.testing.assert_array_equal(inpainted, expected)
    assert inpainted.flags.writeable


def test_memory_beyond_the_image_does_not_grow_with_it(inpainter):
    image, mask = np.full((256, 60_000, 3), 90, np.uint8), np.ones((256, 60_000), np.uint8)
    mask[100:104, 50:90] = False
    inpainter(image[:, :200], mask[:, :200])
    tracemalloc.start()
    try:
        inpainter(image, mask)
        assert tracemalloc.get_traced_memory()[1] < 4 * image.nbytes
    finally:
        tracemalloc.stop()


def test_threads_may_share_a_restorer(inpainter):
    pairs = [damaged(100, 130, seed=seed) for seed in range(8)]
    expected = [inpainter(*pair) for pair in pairs]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for found, wanted in zip(threads.map(lambda pair: inpainter(*pair), pairs), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (17, 5), (33, 300), (200, 150), (400, 330)])
@pytest.mark.parametrize("seed", [0, 1])
def test_in_windows_or_whole_is_the_same_to_one_level(model, inpainter, height, width, seed):
    image, mask = damaged(height, width, seed=seed, spots=6)
    if (height, width) == (1, 1):
        mask[:] = 1
    expected = whole(model, image, mask)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        results = [Inpainter(model, windows=sizes)(image, mask) for sizes in (SMALL, (176,), (144, 256, 448))]
    for result in results:
        assert np.abs(result.astype(float) - np.where(mask[..., None] == 0, expected, image)).max() <= 1


def is_repaired(window, row, column):
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
    around = next(window for window in windows if is_repaired(window, 310, 210))
    assert around.size == 160  # 96 px leave nothing between margins of 48
    assert around.top <= 300 - 48 and around.top + 160 >= 320 + 48
    assert around.left <= 200 - 48 and around.left + 160 >= 230 + 48
    assert {window.size for window in windows} == {96, 160}


def test_the_window_of_a_broad_hole_repairs_thin_ones_near_it():
    hole = np.zeros((800, 1000), bool)
    hole[300:320, 200:230] = hole[320:324, 200:240] = hole[280:284, 180:250] = True
    (window,) = choose_windows(hole, (96, 160))
    assert window.size == 160


def test_holes_wider_than_a_window_are_filled_and_told(model):
    inpainter = Inpainter(untrained(thickest_line=24), windows=SMALL)
    image = np.full((300, 400, 3), 90, np.uint8)
    image[:, 200:] = 160
    mask = np.ones((300, 400), np.uint8)
    mask[20:280, 100:300] = False
    with pytest.warns(UserWarning, match=r"holes are about 2\d\d px across, .* lines up to 24 px"):
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
        Inpainter(untrained(thickest_line=24), windows=(112,))(np.full((300, 300), 90, np.uint8), mask)


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
    image = np.full((160, 170, 3), 200, np.uint8)
    mask = np.ones((160, 170), np.uint8)
    mask[30:130, 30:130] = False  # one stage closes a few pixels
    inpainted = inpainter(image, mask)
    assert abs(inpainted[80, 80].astype(int) - 200).max() <= 2
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()


@pytest.mark.parametrize("place", [np.s_[:3, 50:90], np.s_[-3:, 50:90], np.s_[50:90, :3], np.s_[50:90, -3:]])
def test_partial_convolutions_see_the_border_of_an_image_as_in_training(place):
    model = untrained(PaperConfig(widths=(4,)))
    image, mask = damaged(144, 144, spots=0)
    mask[place] = 0
    expected = whole(model, image, mask)[place].clip(0, 255)
    assert np.abs(Inpainter(model, windows=SMALL)(image, mask)[place] - expected).max() <= 1


def test_without_holes_nothing_is_done(inpainter):
    image, _ = damaged(40, 50)
    calls = []
    result = inpainter(image, np.ones((40, 50)), progress=lambda *args: calls.append(args))
    np.testing.assert_array_equal(result, image)
    assert result is not image
    assert calls == []


def test_progress_counts_windows(inpainter):
    image, mask = damaged(400, 330, spots=8)
    calls = []
    inpainter(image, mask, progress=lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, calls[0][1] + 1))
    assert len({total for _, total in calls}) == 1


def test_one_program_is_compiled_for_a_size_of_windows(model, programs):
    inpainter = Inpainter(model, windows=SMALL)
    for seed, (height, width) in enumerate([(20, 30), (77, 140), (150, 150), (300, 90), (211, 333), (64, 64)]):
        inpainter(*damaged(height, width, seed=seed))
    assert len(programs) == len(SMALL)


@pytest.mark.parametrize(
    ("image", "mask", "named"),
    [
        (np.zeros((8, 8, 3), np.uint8), np.ones((8, 9)), "the mask is 8x9 and the image 8x8: they must"),
        (
            np.zeros((8, 8, 3), np.uint8),
            np.full((8, 8), 255, np.uint8),
            r"this one holds 255: .* give hole=picture >= 128",
        ),
        (np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0.5), "this one holds 0.5"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)), "no valid pixel"),
        (np.full((8, 8, 3), 255.0), np.eye(8), "range from 255 to 255: rescale them"),
        (np.full((8, 8, 3), np.nan), np.eye(8), "nan"),
        (np.zeros((8, 8, 3), np.int64), np.ones((8, 8)), "not int64"),
        (np.zeros((8, 8, 2), np.uint8), np.ones((8, 8)), r"not \(8, 8, 2\)"),
        (np.zeros((3, 8, 8), np.uint8), np.ones((8, 8)), r"not \(3, 8, 8\)"),
        (np.zeros((1, 8, 8, 3), np.uint8), np.ones((8, 8)), "one image at a time"),
        (np.zeros((0, 8, 3), np.uint8), np.ones((0, 8)), r"not \(0, 8, 3\)"),
        (Image.new("CMYK", (8, 8)), np.ones((8, 8)), "mode CMYK .* convert it to RGB"),
        (Image.new("P", (8, 8)), np.ones((8, 8)), "mode P"),
        (np.zeros((8, 8, 3), np.uint8), np.full((8, 8), np.nan), "this one holds nan"),
        (np.zeros((8, 8, 3), np.uint8), Image.new("F", (8, 8)), "mode F does not say which value is white"),
        (np.zeros((8, 8, 3), np.uint8), Image.new("I", (8, 8)), "mode I does not say"),
    ],
)
def test_mistakes_are_named(inpainter, image, mask, named):
    with pytest.raises(InputError, match=named):
        inpainter(image, mask)


@pytest.mark.parametrize("windows", [(), (200, 144), (100,), (150,), (64, 128), (96,)])
def test_windows_that_cannot_be(model, windows):
    with pytest.raises(InputError, match=r"windows=\("):
        Inpainter(model, windows=windows)


def test_networks_that_windows_are_too_small_for(model):
    with pytest.raises(InputError, match=r"needs windows at multiples of 32 px, .* multiples of 16 px"):
        Inpainter(untrained(FillCorrectingConfig((4,) * 5, (1,) * 5)))
    Inpainter(untrained(FillCorrectingConfig((4,) * 4, (1,) * 4)))


def test_weights_by_file_and_from_a_run(tmp_path, finished, model):
    save_generator_weights(tmp_path / "w.safetensors", untrained(thickest_line=24))
    inpainter = Inpainter.from_pretrained(tmp_path / "w.safetensors", windows=SMALL)
    assert inpainter.generator.thickest_line == 24
    image, mask = damaged(40, 40)
    np.testing.assert_array_equal(inpainter(image, mask), Inpainter(model, windows=SMALL)(image, mask))
    from_run = Inpainter.from_run(finished, windows=SMALL)
    assert from_run.generator.thickest_line == 4
    assert Inpainter.from_run(finished, step=3).generator.config == from_run.generator.config
    with pytest.warns(UserWarning, match="lines up to 4 px"):
        assert from_run(image, mask).shape == image.shape
    with pytest.raises(InputError, match="unknown weights 'nonsense': choose from faithful"):
        Inpainter.from_pretrained("nonsense")


def test_a_restorer_can_be_sent_to_another_process(inpainter):
    image, mask = damaged(40, 40)
    expected = inpainter(image, mask)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(inpainter))(image, mask), expected)  # noqa: S301


def test_a_folder_does_not_take_the_place_of_the_bundled_weights(tmp_path, monkeypatch):
    (tmp_path / "faithful").mkdir()  # where --preset faithful trains, seen from runs/
    monkeypatch.chdir(tmp_path)
    assert load_generator("faithful").thickest_line == 24


def test_one_line_of_python_with_the_bundled_weights():
    from pconv_jax.data import SamplesSource

    image = np.array(SamplesSource("test")[0])
    mask = random_strokes(np.random.default_rng(0), *image.shape[:2], count=(3, 3), thickness=(2, 6))[..., 0]
    inpainted = pconv_jax.inpaint(np.where(mask[..., None] == 0, 0, image).astype(np.uint8), mask)
    assert inpainted[mask == 1].tobytes() == image[mask == 1].tobytes()
    error = np.square(inpainted[mask == 0].astype(float) - image[mask == 0]).mean()
    assert -10 * np.log10(error / 255**2) > 22


@pytest.mark.parametrize("thickest", [6, 24, 60])
def test_no_seam_shows_with_the_bundled_weights(thickest):
    from pconv_jax.data import SamplesSource

    shipped = Inpainter.from_pretrained()
    image = np.array(SamplesSource("train")[0][:330, :410])
    rng = np.random.default_rng(thickest)
    mask = random_strokes(rng, *image.shape[:2], count=(5, 5), thickness=(thickest // 4, thickest))[..., 0]
    expected = np.where(mask[..., None] == 0, whole(shipped.generator, image, mask), image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        small, large = (Inpainter(shipped.generator, windows=sizes)(image, mask) for sizes in ((112, 144), (208,)))
    for result in (small, large):
        assert np.abs(result.astype(float) - expected).max() <= 1
    assert (small != large).mean() < 0.001  # where rounding decides


def test_weights_that_are_replaced_are_read_again(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, mask = damaged(40, 40)
    save_generator_weights("w.safetensors", model)
    first = pconv_jax.inpaint(image, mask, weights="w.safetensors")
    other = jax.tree.map(lambda leaf: leaf * 0.5, model.params)
    save_generator_weights("w.safetensors", TrainedGenerator(CONFIG, other, model.stats))
    second = pconv_jax.inpaint(image, mask, weights="w.safetensors")
    assert (first != second).any()
    with pytest.raises(InputError, match="nowhere"):
        pconv_jax.inpaint(image, mask, weights="nowhere")
