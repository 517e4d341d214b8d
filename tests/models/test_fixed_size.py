"""Images of any size for a network of one size: what holes may touch, and what comes back."""

import jax.numpy as jnp
import numpy as np
import pytest
from networks import bits, with_other_holes

from pconv_jax.models.fixed_size import from_size, run_resized, to_size


def picture(height, width):
    rng = np.random.default_rng(0)
    image, mask = rng.random((1, height, width, 3)).astype(np.float32), np.ones((1, height, width, 1), np.float32)
    mask[0, height // 2, 3] = 0
    return image, mask


@pytest.mark.parametrize("shape", [(37, 53), (16, 16), (8, 11)])
def test_what_lies_in_holes_changes_no_bit(shape):
    image, mask = picture(*shape)
    assert bits(to_size(image, mask, 16)) == bits(to_size(with_other_holes(image, mask), mask, 16))


@pytest.mark.parametrize("shape", [(160, 200), (48, 16), (8, 11)])
def test_thin_holes_do_not_vanish(shape):
    _, mask = to_size(*picture(*shape), 16)
    assert mask.shape == (1, 16, 16, 1) and set(np.unique(mask)) == {0, 1}
    back = from_size(jnp.zeros((1, 16, 16, 3)), mask, *shape)[1]
    assert not back[0, shape[0] // 2, 3].any()


def test_without_holes_nothing_is_lost_of_smooth_images():
    ramp = np.linspace(0, 1, 40, dtype=np.float32)
    image = np.broadcast_to(ramp[None, :, None, None], (1, 40, 24, 3))
    smaller, mask = to_size(image, np.ones((1, 40, 24, 1), np.float32), 16)
    assert mask.all()
    back, valid = from_size(smaller, mask, 40, 24)
    assert valid.all()
    np.testing.assert_allclose(back[:, 2:-2], image[:, 2:-2], atol=0.01)


def test_a_network_of_one_size_runs_on_any():
    sizes = []

    def network(image, mask):
        sizes.append((image.shape, mask.shape))
        return jnp.full_like(image, 0.25), jnp.ones_like(mask)

    output, valid = run_resized(network, *picture(37, 53), size=16)
    assert sizes == [((1, 16, 16, 3), (1, 16, 16, 1))]
    assert output.shape == (1, 37, 53, 3) and valid.shape == (1, 37, 53, 1) and valid.all()
    np.testing.assert_allclose(output, 0.25, rtol=1e-6)


def test_an_image_of_the_right_size_is_not_touched():
    image, mask = picture(16, 16)
    seen = run_resized(lambda *inputs: inputs, image, mask, size=16)
    assert seen[0] is image and seen[1] is mask
