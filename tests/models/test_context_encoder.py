"""The context encoder and its discriminator: counted by hand, against their description, holes, one size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import bits, build, count, parts, picture, run, with_other_holes

from pconv_jax.common.errors import InputError
from pconv_jax.models.context_encoder import ContextDiscriminatorConfig, ContextEncoderConfig
from pconv_jax.models.fixed_size import from_size, run_resized, to_size

CENTRE = ContextEncoderConfig((3, 6), "centre", bottleneck=10)
RANDOM = ContextEncoderConfig((3, 6), "random", bottleneck=10)
JUDGE = ContextDiscriminatorConfig((3, 6))


@pytest.fixture(scope="module")
def centre():
    return build(CENTRE)


@pytest.fixture(scope="module")
def random():
    return build(RANDOM)


# Counted by hand.

HALVING = [(3, 64), (64, 64), (64, 128), (128, 256), (256, 512)]  # from 128 px to 4 px


def kernels(steps):
    return sum(4 * 4 * inputs * outputs for inputs, outputs in steps)


def norms(*features):
    return 2 * sum(features)


def test_the_network_for_the_centre_has_as_many_parameters_as_counted_by_hand():
    encoder, decoder = kernels([*HALVING, (512, 4000)]), kernels([(4000, 512), *HALVING[:1:-1], (64, 3)])
    assert (encoder, decoder) == (35_589_120, 35_523_584)
    scales_and_shifts = norms(64, 128, 256, 512, 4000) + norms(512, 256, 128, 64)
    assert count(ContextEncoderConfig(region="centre")) == encoder + decoder + scales_and_shifts == 71_124_544


def test_the_network_for_random_regions_has_one_stage_more():
    more = kernels([(64, 64)]) + norms(64)
    assert count(ContextEncoderConfig(region="random")) == 71_124_544 + more == 71_190_208


def test_the_discriminators_have_as_many_parameters_as_counted_by_hand():
    centre = kernels([(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)])
    assert centre == 2_763_776
    small = ContextEncoderConfig(region="centre").discriminator()
    assert (small.image_size, count(small)) == (64, centre + norms(128, 256, 512))
    large = ContextEncoderConfig(region="random").discriminator()
    more = kernels([(64, 64)]) + norms(64)
    assert (large.image_size, count(large)) == (128, centre + norms(128, 256, 512) + more)


def test_small_networks_have_as_many_parameters_as_counted_by_hand():
    # 16 px: 3 -> 3 -> 6 at 4x4 px, 10, and 6 at 4x4 -> 8 px of 3 colours; for 16 px one stage of 3 between.
    encoder = kernels([(3, 3), (3, 6), (6, 10)]) + norms(6, 10)
    assert count(CENTRE) == encoder + kernels([(10, 6), (6, 3)]) + norms(6)
    assert count(RANDOM) == encoder + kernels([(10, 6), (6, 3), (3, 3)]) + norms(6, 3)


def test_parameters_start_as_in_the_release():
    config = ContextEncoderConfig((8, 16), bottleneck=256)
    # Hardly optimised: XLA takes longer over random numbers than they do.
    create = jax.jit(
        lambda: nnx.split(config.build(rngs=nnx.Rngs(0))), compiler_options={"xla_backend_optimization_level": 1}
    )
    model = nnx.merge(*create())
    np.testing.assert_allclose(model.to_bottleneck.kernel[...].std(), 0.02, rtol=0.05)
    scale = model.bottleneck_norm.scale[...]
    np.testing.assert_allclose((scale.mean(), scale.std()), (1, 0.02), rtol=0.15)
    assert not model.bottleneck_norm.bias[...].any()
    assert all(conv.bias is None for _, conv in nnx.iter_modules(model) if isinstance(conv, nnx.Conv))


# Against the description.


def double(x, kernel, *, pad):
    """The transposed convolution, in float64: each pixel adds its multiple of the window to the output."""
    count, height, width, _ = x.shape
    stride = 2 if pad else 1
    output = np.zeros((count, stride * (height - 1) + 4, stride * (width - 1) + 4, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = np.einsum("nc,rscd->nrsd", x[:, row, column], kernel[::-1, ::-1])
            output[:, stride * row : stride * row + 4, stride * column : stride * column + 4] += window
    return output[:, pad : output.shape[1] - pad, pad : output.shape[2] - pad]


def halve(x, kernel, *, pad):
    count, height, width, _ = x.shape
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    stride = 2 if pad else 1
    places = (range(0, side + 2 * pad - 3, stride) for side in (height, width))
    rows, columns = (list(place) for place in places)
    output = np.zeros((count, len(rows), len(columns), kernel.shape[-1]))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            output[:, i, j] = np.einsum("nrsc,rscd->nd", x[:, row : row + 4, column : column + 4], kernel)
    return output


def normalise(norm, x):
    mean, var, scale, shift = (np.asarray(v[...], np.float64) for v in (norm.mean, norm.var, norm.scale, norm.bias))
    return (x - mean) / np.sqrt(var + 1e-5) * scale + shift


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def described(model, image, mask):
    """The predicted region of 16 px in eval mode, step by step, in float64."""
    filled = np.where(mask == 0, np.array([117, 104, 123]) / 255, image.astype(np.float64))
    x = leaky(halve(2 * filled - 1, model.encoder[0].kernel[...], pad=1))
    x = leaky(normalise(model.encoder_norms[0], halve(x, model.encoder[1].kernel[...], pad=1)))
    x = leaky(normalise(model.bottleneck_norm, halve(x, model.to_bottleneck.kernel[...], pad=0)))
    x = double(x, model.from_bottleneck.kernel[...], pad=0)
    for norm, conv in zip(model.decoder_norms, model.decoder, strict=True):
        x = double(np.maximum(normalise(norm, x), 0), conv.kernel[...], pad=1)
    return (np.tanh(x) + 1) / 2


def test_the_network_for_random_regions_is_the_one_described(random):
    image, mask = picture()
    output, left = run(parts(random, train=False), image, mask)[0]
    assert output.dtype == np.float32 and left.all()
    np.testing.assert_allclose(output, described(random, image, mask), rtol=1e-4, atol=1e-5)


def test_the_network_for_the_centre_is_the_one_described(centre):
    image, mask = picture()
    output, left = run(parts(centre, train=False), image, mask)[0]
    expected, expected_left = image * mask, mask.copy()
    expected[:, 4:12, 4:12], expected_left[:, 4:12, 4:12] = described(centre, image, mask), 1
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(left, expected_left)
    np.testing.assert_array_equal(CENTRE.predicted(output), output[:, 4:12, 4:12])
    np.testing.assert_array_equal(RANDOM.predicted(output), output)


def test_arrays_of_numpy_do(centre):
    image, mask = picture()
    for found, expected in zip(centre(image, mask), centre(jnp.asarray(image), jnp.asarray(mask)), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_discriminator_is_the_one_described():
    model, (image, _) = build(JUDGE), picture()
    x = leaky(halve(2 * image.astype(np.float64) - 1, model.convs[0].kernel[...], pad=1))
    x = leaky(normalise(model.norms[0], halve(x, model.convs[1].kernel[...], pad=1)))
    expected = halve(x, model.to_logit.kernel[...], pad=0).reshape(-1)
    np.testing.assert_allclose(run(parts(model, train=False), image)[0], expected, rtol=1e-4, atol=1e-5)


def test_resized_it_fills_images_of_any_size(random):
    image, mask = picture(size=40)

    @jax.jit
    def fill(model, image, mask):
        return run_resized(nnx.merge(*model), image, mask, size=RANDOM.image_size)

    output, left = fill(parts(random, train=False), image[:, :24], mask[:, :24])
    assert output.shape == (2, 24, 40, 3) and left.all()
    expected = run(parts(random, train=False), *to_size(image[:, :24], mask[:, :24], 16))[0]
    np.testing.assert_allclose(output, from_size(*expected, 24, 40)[0], rtol=1e-4, atol=1e-5)


# Holes.


@jax.jit
def gradient(model, image, mask):
    graph, params, stats = nnx.split(nnx.merge(*model), nnx.Param, nnx.BatchStat)
    return jax.grad(lambda p: jnp.mean(jnp.square(nnx.merge(graph, p, stats, copy=True)(image, mask)[0])))(params)


@pytest.mark.parametrize("kind", ["centre", "random"])
def test_what_lies_in_holes_changes_no_bit_of_output_gradient_or_statistics(kind, request):
    model, (image, mask) = parts(request.getfixturevalue(kind), train=True), picture()
    other = with_other_holes(image, mask)
    assert bits(run(model, image, mask)) == bits(run(model, other, mask))
    assert bits(gradient(model, image, mask)) == bits(gradient(model, other, mask))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient(model, other, mask)))


# Mistakes.


def test_an_image_of_another_size_is_refused_with_the_way_out():
    model = nnx.eval_shape(lambda: ContextEncoderConfig().build(rngs=nnx.Rngs(0)))
    with pytest.raises(InputError) as error:
        model(jnp.zeros((1, 96, 128, 3)), jnp.ones((1, 96, 128, 1)))
    assert str(error.value) == (
        "this network takes images of 128x128 px only, not 128x96: crop or resize them, as "
        "pconv_jax.models.fixed_size does"
    )
    judge = nnx.eval_shape(lambda: ContextDiscriminatorConfig().build(rngs=nnx.Rngs(0)))
    with pytest.raises(InputError, match=r"judges images \[N, 64, 64, 3\], not \(1, 128, 128, 3\)"):
        judge(jnp.zeros((1, 128, 128, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": ()}, "widths=() must hold at least one convolution, each with at least one channel"),
        ({"widths": (4, 0)}, "widths=(4, 0) must hold at least one convolution, each with at least one channel"),
        ({"region": "left"}, "region='left' must be one of centre, random"),
        ({"widths": (4,)}, "widths=(4,) must hold two or more, or no convolution is left for the centre"),
        ({"bottleneck": 0}, "bottleneck=0 must be at least 1"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(InputError) as error:
        ContextEncoderConfig(**change)
    assert str(error.value) == message


def test_a_mask_with_other_values_is_refused(random):
    image, mask = picture()
    with pytest.raises(InputError, match="holds 2"):
        random(image, 2 * mask)
