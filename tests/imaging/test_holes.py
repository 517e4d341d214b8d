"""What marks a hole: numbers, booleans and pictures mean one thing each, and nothing is guessed."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

import pconv_jax
from pconv_jax.common.errors import InputError
from pconv_jax.imaging.arrays import hole_from
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.models.initialize import initialize

HOLE = np.array([[True, False, False, False]] * 2 + [[False] * 4] * 2)  # 2 of 16
PICTURE = Image.fromarray(np.where(HOLE, 255, 0).astype(np.uint8))


@pytest.mark.parametrize(
    "mask",
    [
        (~HOLE).astype(np.uint8),
        (~HOLE).astype(np.float32),
        (~HOLE).astype(np.int64)[..., None],
        (~HOLE).astype(int).tolist(),
        jnp.asarray(~HOLE, jnp.bfloat16),
        PICTURE,
        PICTURE.convert("1"),
        PICTURE.convert("RGB"),
        PICTURE.convert("P"),
        Image.fromarray(np.where(HOLE, 40_000, 25_000).astype(np.uint16)),
    ],
    ids=["uint8", "float32", "a channel", "a list", "JAX", "L", "1", "RGB", "P", "I;16"],
)
def test_masks_of_numbers_and_pictures(mask):
    found = hole_from(mask, None, (4, 4))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, HOLE)


@pytest.mark.parametrize("mode", ["LA", "PA", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV"])
def test_mask_pictures_of_every_mode(mode):
    first = {"PA": "P", "RGBa": "RGBA"}.get(mode, mode)
    picture = PICTURE.convert("RGB").convert(first).convert(mode)
    assert picture.mode == mode
    np.testing.assert_array_equal(hole_from(picture, None, (4, 4)), HOLE)


@pytest.mark.parametrize(
    "hole", [HOLE, HOLE[..., None], HOLE.tolist(), jnp.asarray(HOLE), PICTURE, PICTURE.convert("1")]
)
def test_holes_of_booleans_and_pictures(hole):
    np.testing.assert_array_equal(hole_from(None, hole, (4, 4)), HOLE)


def test_a_picture_and_the_array_of_it_agree_or_are_refused():
    for picture in (PICTURE, PICTURE.convert("1"), PICTURE.point(lambda value: value // 255)):
        for as_mask in (True, False):
            for given in (picture, np.asarray(picture)):
                try:
                    found = hole_from(*((given, None) if as_mask else (None, given)), (4, 4))
                except InputError:
                    continue
                # A numeric mask is the one thing that is not white where the hole is, and it is no picture.
                if given is not picture and as_mask:
                    assert picture.mode == "L" and np.asarray(picture).max() == 1
                    np.testing.assert_array_equal(found, ~HOLE)
                else:
                    np.testing.assert_array_equal(found, HOLE)


@pytest.mark.parametrize(
    ("mask", "hole", "sentence"),
    [
        (None, None, r"give either mask \(numbers, 1 = valid\) or hole \(bool, True = damage\), not neither"),
        (1 - HOLE, HOLE, "give either mask .* not both"),
        (~HOLE, None, "a boolean mask may mean either: give hole=mask if True marks the damage, or hole=~mask"),
        (np.asarray(PICTURE.convert("1")), None, "a boolean mask may mean either"),
        (jnp.asarray(HOLE), None, "a boolean mask may mean either"),
        (np.asarray(PICTURE), None, "but this one holds 255: .*give hole=picture >= 128"),
        (np.asarray(PICTURE), None, "and hole=picture < 128 if white marks what is valid"),
        (np.where(HOLE, 0.2, 1.0), None, "this one holds 0.2: give hole=mask < 0.5"),
        (jnp.asarray(HOLE, jnp.int4), None, "not int4: convert it"),
        ("mask.png", None, "not <U8: open the file first"),
        (np.ones((4, 4, 3)), None, r"the mask is of shape \(4, 4, 3\) and the image 4x4"),
        (None, HOLE.astype(np.uint8), "a hole must be boolean, True = damage, not uint8: give hole=array > 0"),
        (None, HOLE.astype(float), "not float64: .* or mask=array if 1 = valid and 0 = hole"),
        (Image.fromarray((~HOLE).astype(np.uint8)), None, "holds only 0 and 1: give the array as mask="),
        (None, Image.fromarray(HOLE.astype(np.uint8)), "holds only 0 and 1"),
        (
            Image.fromarray(np.dstack([np.zeros((4, 4, 3), np.uint8), HOLE * np.uint8(255)])),
            None,
            "by its transparency",
        ),
        (None, Image.fromarray(HOLE * np.uint8(100)), "the mask picture has two values, 0 and 100, both below the"),
        (Image.new("F", (4, 4)), None, r"mode F does not say .*: give hole=numpy.asarray\(picture\) > 0"),
        (Image.new("LAB", (4, 4)), None, "mode LAB cannot be read: give one of mode L"),
        (None, Image.new("La", (4, 4)), "mode La cannot be read: give one of mode L"),
        (Image.new("L", (0, 0)), None, "the mask picture has 0x0 pixels: give one that is not empty"),
        (
            Image.fromarray(np.where(HOLE, 200, 0).astype(">u2")),
            None,
            "has 16 bits, and its brightest value is 200 of 65535",
        ),
        (np.ones((4, 5)), None, "the mask is 5x4 and the image 4x4: they must have the same size"),
        (None, HOLE[:2], "the hole is 4x2 and the image 4x4"),
        (None, PICTURE.resize((5, 4)), "the hole is 5x4 and the image 4x4"),
    ],
)
def test_what_could_mean_either_is_refused(mask, hole, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        hole_from(mask, hole, (4, 4))
    assert not str(caught.value).endswith(".")


def test_one_rule_for_all_ways_in(monkeypatch):
    config = pconv_jax.FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    generator = pconv_jax.TrainedGenerator(config, params, stats)
    image, hole = np.random.default_rng(0).random((16, 16, 3), np.float32), np.kron(HOLE, np.ones((4, 4))) > 0
    inpainter = Inpainter(generator)
    monkeypatch.setattr("pconv_jax.inpainting.loaded._loaded", lambda *_: inpainter)
    mask = (~hole).astype(np.float32)
    for way in (generator, inpainter, pconv_jax.inpaint):
        expected = way(image, hole=hole)
        assert expected.dtype == np.float32
        np.testing.assert_array_equal(expected[~hole], image[~hole])
        assert (expected[hole] != image[hole]).all()
        np.testing.assert_array_equal(way(image, mask), expected)
        np.testing.assert_array_equal(way(image, mask=mask), expected)
        for refused in ({"mask": ~hole}, {"hole": mask}, {}, {"mask": mask, "hole": hole}):
            with pytest.raises(InputError, match=r"boolean|give either"):
                way(image, **refused)
    np.testing.assert_array_equal(generator(image[None], hole=hole[None])[0], generator(image, hole=hole))


def test_masked_arrays_and_names_of_files_are_no_images_and_no_masks():
    image = np.full((8, 9, 3), 0.5, np.float32)
    with pytest.raises(InputError, match="a masked array may mean either"):
        pconv_jax.inpaint(np.ma.masked_array(image, image > 1), hole=np.zeros((8, 9), bool))
    for given in ({"hole": np.ma.masked_array(image[..., 0] > 1, True)}, {"mask": np.ma.masked_array(image[..., 0])}):
        with pytest.raises(InputError, match=r"a masked array may mean either: give its data, or hole=array\.mask"):
            pconv_jax.inpaint(image, **given)
    with pytest.raises(InputError, match="a mask must be an array of numbers, 1 = valid and 0 = hole, not <U8"):
        pconv_jax.inpaint(image, "mask.png")
