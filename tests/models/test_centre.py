"""`PaperConfig.centre`: the mean colour of the valid pixels is taken from the input and given back to the output."""

import dataclasses

import numpy as np
import pytest
from jax.scipy.special import logit
from networks import bits, build, parts, picture, run, with_other_holes

from pconv_jax.models import PaperConfig
from pconv_jax.models.registry import config_from_json, config_to_json

LINEAR = PaperConfig(widths=(4, 6), centre=True)
NETWORKS = {
    "linear": LINEAR,
    "plain": dataclasses.replace(LINEAR, convolution="plain"),
    "sigmoid": dataclasses.replace(LINEAR, head="sigmoid"),
}


@pytest.fixture(scope="module")
def models():
    return {name: build(config) for name, config in NETWORKS.items()}


@pytest.fixture(scope="module")
def off():
    """The same numbers without centring."""
    return {name: build(dataclasses.replace(config, centre=False)) for name, config in NETWORKS.items()}


def mean_colour(image, mask):
    """Mean of each image's valid pixels, one at a time."""
    means = [np.float64(each[valid[..., 0] != 0]).mean(0) for each, valid in zip(image, mask, strict=True)]
    return np.float32(np.stack(means))[:, None, None]


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("network", NETWORKS)
def test_it_is_the_network_on_what_differs_from_the_mean_colour(models, off, network, train):
    image, mask = picture()
    image *= np.float32([0.2, 0.6, 1.0])  # a colour, no grey
    mean = mean_colour(image, mask)
    (output, left), state = run(parts(models[network], train=train), image, mask)
    (expected, expected_left), expected_state = run(parts(off[network], train=train), image - mean, mask)
    expected = 1 / (1 + np.exp(-logit(expected) - logit(mean))) if network == "sigmoid" else expected + mean
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(left, expected_left)
    assert output.dtype == np.float32
    assert len(bits(state)) == len(bits(expected_state))  # no parameter more


@pytest.mark.parametrize("network", ["linear", "plain"])
def test_a_shift_of_the_colours_shifts_the_output_as_far(models, off, network):
    image, mask = picture()
    shift = np.float32([0.25, -0.125, 0.5])
    found = {
        name: np.subtract(
            *(run(parts(model[network], train=False), each, mask)[0][0] for each in (image + shift, image))
        )
        for name, model in (("on", models), ("off", off))
    }
    np.testing.assert_allclose(found["on"], np.broadcast_to(shift, image.shape), atol=1e-4)
    assert np.abs(found["off"] - shift).max() > 0.1


def test_an_image_of_one_colour_worked_by_hand():
    # Less its mean it is all 0, of which a network whose norms and last convolution add nothing makes 0. What comes
    # back is the colour, also in the hole.
    model = build(LINEAR)
    for pair in (*model.encoder, *model.decoder):
        for unit in pair:
            unit.norm.mean[...] *= 0
            unit.norm.bias[...] *= 0
    model.to_image.bias[...] *= 0
    colour = np.float32([0.25, 0.5, 1.0])
    mask = np.ones((1, 16, 16, 1), np.float32)
    mask[:, 6:9] = 0
    output, left = run(parts(model, train=False), np.where(mask, colour, 0), mask)[0]
    np.testing.assert_allclose(output, np.broadcast_to(colour, (1, 16, 16, 3)), atol=1e-6)
    assert left.all()


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("network", NETWORKS)
def test_what_lies_in_holes_changes_no_bit(models, network, train):
    model, (image, mask) = parts(models[network], train=train), picture()
    expected = run(model, image, mask)
    assert bits(run(model, with_other_holes(image, mask), mask)) == bits(expected)
    assert bits(run(model, image * (1 - 0.1 * mask), mask)) != bits(expected)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_pads_an_image_is_not_counted(models, network):
    model = parts(models[network], train=False)
    image, mask = picture(size=14)
    padding = ((0, 0), (0, 2), (0, 2), (0, 0))
    output = run(model, image, mask)[0][0]
    padded = run(model, np.pad(image, padding, constant_values=np.nan), np.pad(mask, padding))[0][0]
    np.testing.assert_allclose(output, padded[:, :14, :14], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_without_a_valid_pixel_everything_is_finite(models, network):
    image, mask = picture()
    mask[0] = 0
    output, left = run(parts(models[network], train=True), with_other_holes(image, mask), mask)[0]
    assert np.isfinite(output).all()
    if network == "linear":  # what stays empty is black, as without centring
        assert not output[0].any() and not left[0].any()
        assert output[1].all() and left[1].all()


def test_the_logit_of_black_and_white_stays_clear_of_the_flat_ends(models):
    mask = np.ones((2, 16, 16, 1), np.float32)
    image = np.stack([np.zeros((16, 16, 3), np.float32), np.ones((16, 16, 3), np.float32)])
    output, _ = run(parts(models["sigmoid"], train=False), image, mask)[0]
    black, white = logit(output)
    np.testing.assert_allclose(white - black, np.full((16, 16, 3), 2 * np.log(19)), rtol=1e-4)  # 0.95 and 0.05


def test_a_window_has_the_mean_colour_of_its_own_pixels(models):
    image, mask = picture(size=32, batch=1)
    inside = np.ones_like(mask)
    mask[:, :, 20:] = inside[:, :, 20:] = 0  # the image ends there
    coarse = np.full((1, 2, 2, 3), 0.5, np.float32)

    def window(shift):
        seen = np.where(mask, image + shift, 0)
        output = models["linear"].window(seen, mask, inside=inside, coarse=coarse + shift, margin=4)
        return output[:, :, :16]  # what lies in the image

    models["linear"].eval()
    np.testing.assert_allclose(window(np.float32(0.25)), window(np.float32(0)) + np.float32(0.25), atol=1e-4)


def test_weights_from_before_are_not_centred():
    before = {name: value for name, value in config_to_json(LINEAR).items() if name != "centre"}
    assert config_from_json(before, "the file") == dataclasses.replace(LINEAR, centre=False)
    assert config_from_json(config_to_json(LINEAR), "the file") == LINEAR
    assert not PaperConfig().centre
