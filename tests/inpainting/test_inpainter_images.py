"""Inpainting every kind of image and mask: type, shape, mode and valid pixels stay."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inpainter_examples import SMALL, damaged
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.flat import KeptFlat
from pconv_jax.inpainting.inpainter import Inpainter


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


@pytest.mark.parametrize("channels", [3, 4])
def test_the_best_output_is_the_mean_over_mirror_images_and_quarter_turns(model, inpainter, channels):
    image, mask = damaged(80, 96, channels=channels, dtype=np.float32)  # whole blocks: the pyramids lie alike
    outputs = []
    for turns in range(4):
        for mirrored in (False, True):
            seen, valid = (np.rot90(x[:, ::-1] if mirrored else x, turns) for x in (image, mask))
            output = np.rot90(inpainter(seen, valid), -turns)
            outputs.append(output[:, ::-1] if mirrored else output)
    assert np.ptp(outputs, axis=0).max() > 0.02  # the network sees no symmetry
    best = Inpainter(model, windows=SMALL, best=True)(image, mask)
    np.testing.assert_allclose(best, np.mean(outputs, axis=0), atol=1e-3)  # windows lie elsewhere
    assert best[mask == 1].tobytes() == image[mask == 1].tobytes()


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
    other = Image.fromarray(np.asarray(grey).astype(">u2"))
    assert other.mode == "I;16B"
    np.testing.assert_array_equal(inpainter(image, other), inpainter(image, mask))


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


def test_a_jax_array_stays_on_its_device_and_needs_no_implicit_transfer(inpainter):
    image, mask = damaged(64, 80)
    last = jax.devices()[-1]
    given = jax.device_put(image, last)
    with jax.transfer_guard_host_to_device("disallow"):
        found = inpainter(given, mask)
    assert found.devices() == {last} and last != jax.devices()[0]
    np.testing.assert_array_equal(found, inpainter(image, mask))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "I;16B"])
def test_pil_images_keep_their_mode(inpainter, mode):
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "I;16B": 1}[mode]
    image, mask = damaged(50, 60, channels=channels, dtype=np.uint16 if mode.startswith("I;16") else np.uint8)
    stored = image.astype(">u2") if mode == "I;16B" else image
    picture = Image.fromarray(stored[..., 0] if channels == 1 else stored, mode=None)
    assert picture.mode == mode
    inpainted = inpainter(picture, mask)
    assert (inpainted.mode, inpainted.size) == (mode, picture.size)
    np.testing.assert_array_equal(np.asarray(inpainted)[mask == 1], np.asarray(picture)[mask == 1])
    if mode != "LA":  # of which there are no arrays
        array = image[..., 0] if channels == 1 else image
        np.testing.assert_array_equal(np.asarray(inpainted), inpainter(array, mask))


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


def test_the_other_byte_order_comes_back_in_that_of_the_machine(inpainter):
    image, mask = damaged(64, 80, dtype=np.uint16)
    restored = inpainter(image.astype(image.dtype.newbyteorder("S")), mask)
    assert restored.dtype == np.uint16 and restored.dtype.isnative
    np.testing.assert_array_equal(restored, inpainter(image, mask))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pictures_that_are_to_be_turned_are_refused(inpainter, orientation):
    image, mask = damaged(40, 50)
    exif = Image.Exif()
    exif[274] = orientation
    turned = io.BytesIO()
    Image.fromarray(image).save(turned, "JPEG", exif=exif)
    picture, painted = Image.open(turned), Image.fromarray(np.where(mask == 0, 255, 0).astype(np.uint8))
    if orientation == 1:
        assert inpainter(picture, painted).size == (50, 40)
        return
    told = rf"stored rotated \(EXIF orientation {orientation}\): give PIL.ImageOps.exif_transpose"
    for pair in ((picture, painted), (picture.convert("L"), painted), (Image.fromarray(image), picture)):
        with pytest.raises(InputError, match=told):
            inpainter(*pair)


@pytest.mark.parametrize(
    ("value", "dtype"), [(0, np.uint16), (300, np.uint16), (65535, np.uint16), (0, np.uint8), (77, np.uint8)]
)
def test_one_tone_stays_it(inpainter, value, dtype):
    """At the border and in the corners too."""
    mask = damaged(64, 80)[1]
    mask[:9, :7] = mask[60:, 75:] = mask[30:40, 77:] = 0
    flat = np.full((64, 80, 3), value, dtype)
    assert (inpainter(flat, mask) == value).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_tone_of_a_linear_scan_stays_it(inpainter, dtype):
    mask = damaged(64, 80)[1]
    mask[:9, :7] = mask[60:, 75:] = mask[30:40, 77:] = 0
    flat = np.full((64, 80, 3), 60, dtype) * dtype(np.iinfo(dtype).max // 255)
    flat[mask == 0] = 0
    flat[50:, 66:] *= 3  # another tone is the brightest
    restored = inpainter(flat, mask, linear=True)[:9, :7].astype(int)
    assert np.abs(restored - int(flat[20, 1, 0])).max() <= 1  # of the whole numbers, as the curve is rounded


def test_nearly_even_ground_stays_within_its_range(inpainter):
    image = np.random.default_rng(0).integers(97, 104, (64, 80, 3), np.uint8)
    mask = np.ones((64, 80), np.uint8)
    mask[:9, :7] = mask[55:, 70:] = mask[30:40, 30:40] = 0
    filled = inpainter(image, mask)[mask == 0]
    assert filled.min() >= 97 and filled.max() <= 103
    # Floating point, of which the published scores are, is what the network returns.
    assert np.abs(inpainter(image / np.float32(255), mask)[mask == 0] * 255 - 100).max() > 4


def test_what_is_linear_in_light_is_computed_as_it_is_seen(inpainter):
    image, mask = damaged(64, 80, dtype=np.float32)
    expected = inpainter(image / image[mask == 1].max(), mask) ** 2.2
    result = inpainter(np.rint((image / image[mask == 1].max()) ** 2.2 * 4000).astype(np.uint16), mask, linear=True)
    np.testing.assert_allclose(result[mask == 0] / 4000, expected[mask == 0], atol=2e-3)


def test_only_holes_in_flat_surroundings_are_kept_within_them():
    pixels = np.full((60, 80, 1), 1000, np.uint16)
    pixels[:, 10], pixels[:, 60:] = 3055, 30_000  # 8 / 255 is 2056
    hole = np.zeros((60, 80), bool)
    hole[20:28, 4:78] = True
    rows, columns = np.nonzero(hole)
    kept_flat = KeptFlat(pixels, hole)
    result = kept_flat(np.full((len(rows), 1), 50, np.uint16), rows, columns)[:, 0]
    # The bright part is seen from up to 24 px.
    expected = np.where(columns < 36, 1000, 50)
    np.testing.assert_array_equal(result[columns < 60], expected[columns < 60])
    assert len(kept_flat(result[:0, None], rows[:0], columns[:0])) == 0


def test_paper_between_letters_stays_as_it_is():
    pixels = np.full((60, 120, 1), 250, np.uint8)
    pixels[:, ::20] = 10  # strokes
    hole = np.zeros((60, 120), bool)
    hole[20:24] = hole[40:50] = True
    rows, columns = np.nonzero(hole)
    values = np.full((len(rows), 1), 230, np.uint8)
    result = KeptFlat(pixels, hole)(values, rows, columns)[:, 0]
    from_stroke = np.minimum(columns % 20, 20 - columns % 20)
    from_last = np.where(columns > 100, columns - 100, from_stroke)  # beside the border there is none
    expected = np.where((rows < 30) & (from_last > 5), 250, 230)  # thin, and nothing else within 5 px
    np.testing.assert_array_equal(result, expected)
    for part in np.array_split(np.arange(len(rows)), 5):
        kept = KeptFlat(pixels, hole)(values[part], rows[part], columns[part])
        np.testing.assert_array_equal(kept[:, 0], result[part])


@pytest.mark.parametrize("broad", [False, True])
@pytest.mark.parametrize("channels", [2, 4])
def test_colours_where_nothing_shows_are_no_evidence(inpainter, channels, broad):
    image, mask = damaged(72, 90, channels=4)
    mask[20 : 60 if broad else 26, 20:70] = 0  # of blocks that are all hole, or of none; reaches what is transparent
    image[..., 3], image[:, 60:, 3] = 255, 0
    image = image[..., 4 - channels :]
    if channels == 2:  # Pillow's LA, the only way in for two channels
        as_image, as_array = (lambda array: Image.fromarray(array, mode=None)), np.asarray
    else:
        as_image = as_array = lambda array: array
    results = []
    for hidden in (0, 128, 255):
        image[:, 60:, :-1] = hidden
        results.append(as_array(inpainter(as_image(image), mask)))
        np.testing.assert_array_equal(results[-1][mask == 1], image[mask == 1])
    for other in results[1:]:
        np.testing.assert_array_equal(other[mask == 0], results[0][mask == 0])


def test_alpha_of_0_counts_for_alpha_in_wide_holes(inpainter):
    """As what is nearly transparent does; there is no colour, though."""
    image = np.random.default_rng(0).integers(90, 160, (320, 320, 4), np.uint8)
    mask = np.ones((320, 320), np.uint8)
    mask[40:280, 40:280] = 0  # windows in it see nothing else
    found = []
    for hidden in (0, 1):
        image[..., 3] = 200
        image[:, :60, 3] = hidden
        found.append(inpainter(image, mask)[..., 3].astype(int))
    assert np.abs(found[0] - found[1]).max() <= 1
    middle = found[0][160, 60:260]
    assert middle[0] < 80 < 120 < middle[-1] and (np.diff(middle) >= 0).mean() > 0.9


def test_an_image_that_is_all_transparent(inpainter):
    image, mask = damaged(40, 50, channels=4)
    image[..., 3] = 0
    result = inpainter(image, mask)
    assert (result[..., 3] == 0).all()
    np.testing.assert_array_equal(result[mask == 1], image[mask == 1])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_wide_holes_in_flat_surroundings_stay_flat_too(channels):
    """Pixels far from the border of a hole look as far as they must."""
    pixels = np.full((300, 400, channels), 1000, np.uint16)
    pixels[:, :100] = 1100
    hole = np.zeros((300, 400), bool)
    hole[10:290, 100:300] = True
    pixels[hole] = 7
    rows, columns = np.nonzero(hole)

    def middle():
        kept = KeptFlat(pixels, hole)(np.full((len(rows), channels), 50, np.uint16), rows, columns)
        return kept[(rows == 150) & (columns == 200)][0]

    assert (middle() == 1000).all()
    pixels[:, :300] = 1100
    pixels[:, 300:] = 1200
    assert (middle() == 1100).all()
    pixels[:, 380:] = 40_000  # 180 px away: from 96 px on it is 192 that are looked at
    assert (middle() == 50).all()
