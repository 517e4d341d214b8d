"""Total variation: worked by hand, against NumPy, without false edges."""

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.losses.total_variation import dilated_holes, total_variation

jitted = jax.jit(total_variation)


def one_hole(side=7, row=3, column=3):
    mask = np.ones((1, side, side, 1), np.float32)
    mask[0, row, column] = 0
    return mask


def test_holes_grow_by_one_pixel_diagonally_too():
    expected = np.zeros((7, 7), bool)
    expected[2:5, 2:5] = True
    np.testing.assert_array_equal(dilated_holes(one_hole())[0, ..., 0], expected)
    # In a corner the region ends with the image.
    assert dilated_holes(one_hole(row=0, column=0)).sum() == 4
    assert not dilated_holes(np.ones((1, 4, 4, 1))).any()


def test_worked_by_hand():
    image = np.zeros((1, 7, 7, 1), np.float32)
    image[0, 3, 3] = 0.5
    # The hole differs from each of its four neighbours by 0.5; 49 entries.
    np.testing.assert_allclose(jitted(image, one_hole()), 4 * 0.5 / 49, rtol=1e-6)
    # A step outside of the region counts nothing, one on its last pixels does: three pairs of rows 2 to 4.
    image[0, :, 5:] = 1
    np.testing.assert_allclose(jitted(image, one_hole()), 4 * 0.5 / 49, rtol=1e-6)
    image[0, :, 4:] = 1
    image[0, 3, 3] = 0
    np.testing.assert_allclose(jitted(image, one_hole()), 3 * 1 / 49, rtol=1e-6)


def test_the_edge_of_the_region_is_no_edge_of_the_image():
    flat = jnp.ones((1, 7, 7, 3))
    assert jitted(flat, one_hole()) == 0
    # Masked before differencing, the same flat image has 12 false edges.
    masked = flat * dilated_holes(one_hole())
    false = jnp.abs(jnp.diff(masked, axis=1)).sum() + jnp.abs(jnp.diff(masked, axis=2)).sum()
    assert false == 12 * 3


def test_is_that_of_numpy():
    rng = np.random.default_rng(0)
    image, mask = rng.random((3, 9, 8, 3)).astype(np.float32), (rng.random((3, 9, 8, 1)) < 0.9).astype(np.float32)
    total = 0.0
    for n, hole in enumerate(mask[..., 0] == 0):
        region = np.zeros((11, 10), bool)
        for row, column in np.argwhere(hole):
            region[row : row + 3, column : column + 3] = True
        region = region[1:-1, 1:-1]
        for row, column in np.argwhere(region):
            for below, right in ((row + 1, column), (row, column + 1)):
                if below < 9 and right < 8 and region[below, right]:
                    total += np.abs(image[n, row, column].astype(np.float64) - image[n, below, right]).sum()
    np.testing.assert_allclose(jitted(image, mask), total / image.size, rtol=1e-5)


def test_of_a_batch_is_the_mean_over_its_images():
    rng = np.random.default_rng(0)
    image, mask = rng.random((4, 8, 8, 3)).astype(np.float32), (rng.random((4, 8, 8, 1)) < 0.8).astype(np.float32)
    each = [jitted(image[n : n + 1], mask[n : n + 1]) for n in range(4)]
    np.testing.assert_allclose(jitted(image, mask), np.mean(each), rtol=1e-5)
