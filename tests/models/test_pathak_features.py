"""The network of Pathak et al. for learning features: counted by hand, against NumPy, holes, mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alexnet_reference import max_pool, reference
from flax import nnx
from networks import assert_all_reached, bits, build, count, gradients, parts, picture, run, with_other_holes

from pconv_jax.common.errors import InputError
from pconv_jax.models.discriminator import NoDiscriminator
from pconv_jax.models.pathak_features import PathakFeaturesConfig

# Of 99 px AlexNet leaves 2x2 features; the decoder gives 3, 5 and 9 px.
SMALL = PathakFeaturesConfig((4, 3), (4, 6, 4, 6, 8), 99)


@pytest.fixture(scope="module")
def model():
    return build(SMALL)


def test_has_as_many_parameters_as_counted_by_hand():
    # AlexNet's second, fourth and fifth convolution have two groups, each of which sees half of the channels.
    alexnet = 11 * 11 * 3 * 96 + 5 * 5 * 48 * 256 + 9 * (256 * 384 + 192 * 384 + 192 * 256) + 96 + 256 + 384 + 384 + 256
    channelwise = (6 * 6) ** 2 * 256
    mix = 256 * 256 + 256
    steps = [(256, 128), (128, 64), (64, 64), (64, 32), (32, 3)]
    decoder = sum(5 * 5 * inputs * outputs + outputs for inputs, outputs in steps)
    assert (alexnet, channelwise, mix, decoder) == (2_334_080, 331_776, 65_792, 1_180_291)
    assert count(PathakFeaturesConfig()) == alexnet + channelwise + mix + decoder == 3_911_939


def test_has_the_sizes_of_the_paper():
    config = PathakFeaturesConfig()
    assert (config.image_size, config.features) == (227, 6)
    sizes = []

    def trace(image, mask):
        model = config.build(rngs=nnx.Rngs(0))
        x = model.alexnet(image)
        for layer in (model.channelwise, *model.decoder):
            sizes.append(x.shape[1:])
            x = layer(x)
        return x, *model(image, mask)

    shapes = jax.eval_shape(trace, *(jax.ShapeDtypeStruct((1, 227, 227, c), np.float32) for c in (3, 1)))
    assert sizes == [(6, 6, 256)] * 2 + [(11, 11, 128), (21, 21, 64), (41, 41, 64), (81, 81, 32)]
    assert [x.shape[1:] for x in shapes] == [(161, 161, 3), (227, 227, 3), (227, 227, 1)]


def double(x, kernel, bias):
    """The transposed convolution, in float64: each pixel adds its multiple of the window to the output."""
    count, height, width, _ = x.shape
    output = np.zeros((count, 2 * height + 3, 2 * width + 3, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = np.einsum("nc,rscd->nrsd", x[:, row, column], kernel[::-1, ::-1])
            output[:, 2 * row : 2 * row + 5, 2 * column : 2 * column + 5] += window
    return output[:, 2:-2, 2:-2] + bias


def enlarge(x, size):
    """Linear interpolation between the centres of pixels, both ways."""
    for axis in (1, 2):
        place = np.clip((np.arange(size) + 0.5) * x.shape[axis] / size - 0.5, 0, x.shape[axis] - 1)
        lower = np.minimum(place.astype(int), x.shape[axis] - 2)
        share = np.moveaxis((place - lower)[:, None, None, None], 0, axis)
        x = (1 - share) * np.take(x, lower, axis) + share * np.take(x, lower + 1, axis)
    return x


def test_the_network_is_the_one_described(model):
    image, mask = picture(size=99)
    output, left = run(parts(model, train=False), image, mask)[0]
    filled = np.where(mask == 0, np.array([117, 104, 123]) / 255, image.astype(np.float64))
    convolutions = [(conv.kernel[...], conv.bias[...]) for conv in model.alexnet.convs]
    x = max_pool(reference([map(np.asarray, conv) for conv in convolutions], 2 * filled - 1, two_groups=True)[-1])
    # The channel-wise layer as a dense one, whose matrix is block-diagonal.
    matrix = np.zeros((2, 2, 8, 2, 2, 8))
    for channel, kernel in enumerate(np.asarray(model.channelwise.dense.kernel[...])):
        matrix[:, :, channel, :, :, channel] = kernel.reshape(2, 2, 2, 2)
    x = np.maximum(np.tensordot(x, matrix, ((1, 2, 3), (0, 1, 2))), 0)
    x = x @ np.asarray(model.channelwise.mix.kernel[...])[0, 0] + np.asarray(model.channelwise.mix.bias[...])
    for conv in model.decoder:
        x = double(np.maximum(x, 0), np.asarray(conv.kernel[...]), np.asarray(conv.bias[...]))
    expected = (enlarge(x, 99) + 1) / 2
    assert output.dtype == np.float32 and left.all()
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_what_lies_in_holes_changes_no_bit_of_output_or_gradient(model):
    (image, mask), network = picture(size=99), parts(model, train=True)
    other = with_other_holes(image, mask)
    assert bits(run(network, image, mask)) == bits(run(network, other, mask))
    found = gradients(network, image, mask)
    assert bits(found) == bits(gradients(network, other, mask))
    assert_all_reached(found)


def test_another_size_and_another_mask_are_refused(model):
    image, mask = jnp.zeros((1, 99, 128, 3)), jnp.ones((1, 99, 128, 1))
    with pytest.raises(InputError, match="takes images of 99x99 px only, not 128x99: crop or resize them"):
        model(image, mask)
    with pytest.raises(InputError, match="holds 2"):
        model(image[:, :, :99], 2 * mask[:, :, :99])


def test_it_has_no_discriminator():
    judge = nnx.eval_shape(lambda: SMALL.discriminator().build(rngs=nnx.Rngs(0)))
    assert isinstance(judge, NoDiscriminator) and not jax.tree.leaves(nnx.state(judge))
    with pytest.raises(InputError, match="trained without a discriminator: give the adversarial loss weight 0"):
        judge(jnp.zeros((1, 99, 99, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": ()}, "widths=() must hold at least one up-convolution, each with at least one channel"),
        ({"alexnet_widths": (4,) * 4}, "alexnet_widths=(4, 4, 4, 4) must hold five even numbers of channels"),
        ({"alexnet_widths": (4, 4, 3, 4, 4)}, "alexnet_widths=(4, 4, 3, 4, 4) must hold five even numbers of channels"),
        ({"network_size": 66}, "network_size=66 must be at least 67, or AlexNet leaves no features"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(InputError) as error:
        PathakFeaturesConfig(**change)
    assert str(error.value) == message
