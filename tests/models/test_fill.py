"""The fill by normalised convolutions: literals, properties, a reference written in plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.baselines import biharmonic, navier_stokes
from pconv_jax.masks import random_strokes
from pconv_jax.models.fill import chebyshev, fill_means, halve, pyramid_fill


def picture(height, width, seed=0, count=2):
    rng = np.random.default_rng(seed)
    mask = np.stack([random_strokes(rng, height, width, count=(1, 4), thickness=(1, 9)) for _ in range(count)])
    mask[:, 0, 0] = 1
    return rng.random((count, height, width, 3), np.float32), mask


def laplacian(x, inside):
    """Differences to the neighbours inside, added up; 0 outside."""
    height, width = x.shape
    result = np.zeros_like(x)
    for y, column in zip(*np.nonzero(inside), strict=True):
        for yy, xx in ((y - 1, column), (y + 1, column), (y, column - 1), (y, column + 1)):
            if 0 <= yy < height and 0 <= xx < width and inside[yy, xx]:
                result[y, column] += x[yy, xx] - x[y, column]
    return result


def by_loops(values, weights, inside, level=0):
    """The fill of one channel [H, W], pixel by pixel, from its definition."""
    height, width = weights.shape
    own = np.where(weights > 0, values / np.where(weights > 0, weights, 1), 0)
    if (height, width) == (1, 1):
        return np.where(weights > 0, own, 0.5)
    half = (-(-height // 2), -(-width // 2))
    coarse = [np.zeros(half) for _ in range(3)]
    for y in range(height):
        for x in range(width):
            for array, of in zip(coarse, (values, weights, inside), strict=True):
                array[y // 2, x // 2] += of[y, x] / 4
    coarse_inside = (coarse[2] > 0).astype(float)
    below = by_loops(coarse[0], coarse[1], coarse_inside, level + 1)
    filled = own.copy()
    for y, x in zip(*np.nonzero(weights == 0), strict=True):
        total = weight = 0.0
        for dy, wy in ((0, 0.75), (1 if y % 2 else -1, 0.25)):
            for dx, wx in ((0, 0.75), (1 if x % 2 else -1, 0.25)):
                yy, xx = y // 2 + dy, x // 2 + dx
                if 0 <= yy < half[0] and 0 <= xx < half[1] and coarse_inside[yy, xx]:
                    total += wy * wx * below[yy, xx]
                    weight += wy * wx
        filled[y, x] = total / weight if weight else 0
    for _ in range(2):
        smooth = filled.copy()
        for y, x in zip(*np.nonzero(weights == 0), strict=True):
            total = weight = 0.0
            for dy, wy in ((-1, 0.25), (0, 0.5), (1, 0.25)):
                for dx, wx in ((-1, 0.25), (0, 0.5), (1, 0.25)):
                    if 0 <= y + dy < height and 0 <= x + dx < width and inside[y + dy, x + dx]:
                        total += wy * wx * filled[y + dy, x + dx]
                        weight += wy * wx
            smooth[y, x] = total / weight if weight else 0
        filled = smooth
    for weight in chebyshev((8, 4, 2)[level]) if level < 3 else ():
        bent = filled - weight * laplacian(laplacian(filled, inside), inside)
        filled = np.where(weights == 0, bent, filled)
    return filled


@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 6), (1, 7), (5, 5)])
def test_it_is_what_loops_give(height, width):
    rng = np.random.default_rng(height)
    image, mask = rng.random((1, height, width, 1)), (rng.random((1, height, width, 1)) < 0.4).astype(np.float64)
    inside = np.ones_like(mask)
    inside[:, height // 2 + 1 :, width // 2 + 1 :] = 0
    image[inside == 0] = 0
    mask *= inside
    expected = by_loops((image * mask)[0, ..., 0], mask[0, ..., 0], inside[0, ..., 0])
    found = pyramid_fill(image, mask, inside=inside)[0, ..., 0]
    within = inside[0, ..., 0] == 1
    np.testing.assert_allclose(found[within], expected[within], atol=1e-6)  # its weights are float32


def test_numpy_and_jax_give_the_same():
    image, mask = picture(29, 40)
    np.testing.assert_allclose(jax.jit(pyramid_fill)(image, mask), pyramid_fill(image, mask), atol=1e-6)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float64])
def test_masks_may_be_of_any_type(kind):
    image, mask = picture(5, 6, count=1)  # small: it is compiled operation by operation
    assert 0 < mask.mean() < 1
    expected = pyramid_fill(image, mask)
    for array in (np.asarray, jnp.asarray):
        found = pyramid_fill(array(image), array(mask.astype(kind)), inside=array(np.ones_like(mask, kind)))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_images_of_bytes_are_refused(array):
    image, mask = picture(5, 6, count=1)
    with pytest.raises(InputError, match=r"must be floating point in .*, not uint8: divide bytes by 255 first"):
        pyramid_fill(array((255 * image).astype(np.uint8)), array(mask))
    assert pyramid_fill(array(image.astype(np.float16)), array(mask)).shape == image.shape


def test_a_flat_image_is_filled_flat():
    _, mask = picture(37, 50)
    np.testing.assert_allclose(pyramid_fill(np.full((2, 37, 50, 3), 0.3, np.float32), mask), 0.3, atol=1e-6)


def test_valid_pixels_stay_to_the_bit_and_what_holes_hold_does_not_matter():
    image, mask = picture(48, 33)
    filled = pyramid_fill(image, mask)
    valid = np.broadcast_to(mask == 1, image.shape)
    np.testing.assert_array_equal(filled[valid], image[valid])
    np.testing.assert_array_equal(pyramid_fill(np.where(mask == 1, image, np.nan), mask), filled)


def test_what_is_padded_outside_changes_no_bit():
    image, mask = picture(24, 40)
    around = ((0, 0), (0, 40), (0, 8), (0, 0))
    inside = np.pad(np.ones_like(mask), around)
    padded = pyramid_fill(np.pad(image, around, constant_values=9), np.pad(mask, around), inside=inside)
    np.testing.assert_array_equal(padded[:, :24, :40], pyramid_fill(image, mask))


def test_a_part_with_the_coarse_fill_of_the_whole_is_a_part_of_the_whole():
    rows = np.linspace(0.1, 0.4, 256, dtype=np.float32)[None, :, None, None]
    image, mask = np.broadcast_to(rows, (1, 256, 64, 3)), np.ones((1, 256, 64, 1), np.float32)
    mask[:, 60:200] = 0  # the part that is looked at sees nothing but hole
    sums, weights = image * mask, mask
    for _ in range(4):
        sums, weights = halve(sums), halve(weights)
    coarse = fill_means(sums, weights, np.ones_like(weights), None, level=4)
    whole, part = pyramid_fill(image, mask), (slice(None), slice(80, 192))
    found = pyramid_fill(image[part], mask[part], coarse=coarse[:, 5:12])
    np.testing.assert_allclose(found[:, 32:-32], whole[:, 112:160], atol=0.002)
    assert (pyramid_fill(image[part], mask[part]) == 0.5).all()  # without it


def test_a_single_row_takes_the_coarse_fill_at_its_own_resolution():
    coarse = np.full((1, 1, 3, 1), 0.7, np.float32)
    filled = pyramid_fill(np.zeros((1, 1, 40, 1), np.float32), np.zeros((1, 1, 40, 1), np.float32), coarse=coarse)
    assert filled.shape == (1, 1, 40, 1)
    np.testing.assert_allclose(filled, 0.7, atol=1e-6)


def test_slopes_go_on_across_a_line_as_on_the_biharmonic_surface():
    rows, columns = np.mgrid[:40, :40] / 40
    image = (rows * columns + rows**2 / 2)[None, ..., None]
    mask = np.ones((1, 40, 40, 1))
    mask[:, 15:19] = 0
    filled = pyramid_fill(image, mask)[0, :, 4:-4, 0]
    np.testing.assert_allclose(filled, image[0, :, 4:-4, 0], atol=0.003)
    np.testing.assert_allclose(filled, biharmonic(image, mask)[0, :, 4:-4, 0], atol=0.003)


def test_weights_of_the_steps_damp_the_whole_spectrum():
    for steps in (2, 4, 8):
        weights = chebyshev(steps)
        assert len(weights) == steps
        waves = np.linspace(1, 64, 1000)
        left = np.abs(np.prod([1 - weight * waves for weight in weights], axis=0)).max()
        np.testing.assert_allclose(left, 1 / np.cosh(steps * np.arccosh(65 / 63)), rtol=1e-3)  # Chebyshev's bound


def test_nothing_known_is_grey():
    filled = pyramid_fill(np.full((1, 9, 6, 3), np.nan, np.float32), np.zeros((1, 9, 6, 1), np.float32))
    assert (filled == 0.5).all()


def test_one_known_pixel_fills_everything():
    mask = np.zeros((1, 33, 17, 1), np.float32)
    mask[0, 30, 2] = 1
    np.testing.assert_allclose(pyramid_fill(np.full((1, 33, 17, 3), 0.7, np.float32), mask), 0.7, atol=1e-6)


def test_it_is_better_than_navier_stokes_on_photographs():
    from pconv_jax.data import SamplesSource
    from pconv_jax.data.crop import central_square

    source = SamplesSource("train")
    image = np.stack([central_square(source[i], 96) for i in range(len(source))]).astype(np.float32) / 255
    rng = np.random.default_rng(0)
    mask = np.stack([random_strokes(rng, 96, 96, count=(2, 6), thickness=(2, 12)) for _ in image])
    errors = [
        np.square(method(image, mask) - image)[np.broadcast_to(mask == 0, image.shape)].mean()
        for method in (pyramid_fill, navier_stokes)
    ]
    assert errors[0] < 0.95 * errors[1]


def test_halve_joins_zeros_to_an_odd_size():
    x = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])[None, ..., None]
    assert halve(x)[0, ..., 0].tolist() == [[3.0, 2.25], [3.75, 2.25]]
