"""Patches: which are moved, which are copied, the nearest one, and what they say of each cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.synthesis.patches import extract_patches, nearest_patches, patch_roles, vote


def test_roles_of_one_pixel_by_hand():
    """A hole of one pixel, and another hole far away that may not be copied either; cells of 4 px, 6 x 6 of them."""
    core = np.zeros((24, 24), bool)
    core[4, 7] = True  # the cell in row 1, column 1: patches that begin in rows and columns 0 and 1
    hole = core.copy()
    hole[23, 23] = True  # the last cell: one patch
    roles = patch_roles(core, hole, 4)
    expected = np.zeros((4, 4), bool)
    expected[:2, :2] = True
    np.testing.assert_array_equal(roles.targets, expected)
    expected[3, 3] = True
    np.testing.assert_array_equal(roles.candidates, ~expected)


def test_images_of_two_cells_have_no_patch():
    roles = patch_roles(np.ones((16, 8), bool), np.ones((16, 8), bool), 4)
    assert roles.targets.shape == roles.candidates.shape == (0, 0)


def test_patches_hold_their_nine_cells():
    features = np.random.default_rng(0).random((5, 6, 4), np.float32)
    found = np.asarray(extract_patches(jnp.asarray(features)))
    assert found.shape == (3, 4, 36)
    for i, j in np.ndindex(3, 4):
        window = features[i : i + 3, j : j + 3].transpose(2, 0, 1)  # the nine values of a channel lie together
        np.testing.assert_array_equal(found[i, j], window.ravel())


@pytest.mark.parametrize("targets", [1, 64, 150])
def test_the_nearest_is_that_of_brute_force(targets):
    rng = np.random.default_rng(targets)
    patches = rng.standard_normal((200, 36)).astype(np.float32)
    role = rng.permutation(np.repeat([0, 1, 2], [targets, 40, 200 - 40 - targets]))
    exact = patches.astype(np.float64)
    lengths = np.sqrt((exact**2).sum(axis=1))
    correlations = np.array([[(a * b).sum() for b in exact] for a in exact]) / lengths[:, None] / lengths
    correlations[:, role != 1] = -np.inf
    found = np.asarray(jax.jit(nearest_patches)(patches, role == 0, role == 1))
    np.testing.assert_array_equal(found, np.where(role == 0, correlations.argmax(axis=1), 0))


def test_contrast_does_not_matter_and_a_black_patch_is_no_patch():
    patches = jnp.asarray([[0.0, 0.0], [9.0, 1.0], [1.0, 1.0], [0.2, 0.1], [1.0, 5.0]])
    targets = np.arange(5) == 2
    np.testing.assert_array_equal(nearest_patches(patches, targets, ~targets), [0, 0, 3, 0, 0])
    targets = np.arange(5) == 0  # correlates with all alike, and not at all
    np.testing.assert_array_equal(nearest_patches(patches, targets, ~targets), [1, 0, 0, 0, 0])


def test_votes_are_the_sum_over_patches():
    """For any features F: sum of |P(F) - chosen|^2 = sum of voters * (F - mean)^2 + spread."""
    rng = np.random.default_rng(1)
    features = rng.random((9, 8, 5), np.float32)
    targets = np.zeros((7, 6), bool)
    targets[2:5, 1:4] = True
    candidates = np.zeros((7, 6), bool)
    candidates[0], candidates[6, 2:] = True, True
    mean, voters, spread, unit = jax.jit(vote)(features, targets, candidates)
    known = {at: features[at[0] : at[0] + 3, at[1] : at[1] + 3].astype(float) for at in np.ndindex(7, 6)}
    other = rng.random(features.shape)
    expected, count = 0.0, np.zeros((9, 8, 1))
    for i, j in np.argwhere(targets):
        nearest = max(
            map(tuple, np.argwhere(candidates)),
            key=lambda at: (known[at] * known[i, j]).sum() / np.sqrt((known[at] ** 2).sum()),
        )
        expected += ((other[i : i + 3, j : j + 3] - known[nearest]) ** 2).sum()
        count[i : i + 3, j : j + 3] += 1
    np.testing.assert_array_equal(voters, count)
    np.testing.assert_allclose((count * (other - mean) ** 2).sum() + spread, expected, rtol=1e-5)
    squares = [(known[tuple(at)] ** 2).sum() for at in np.argwhere(candidates)]
    np.testing.assert_allclose(unit, 9 * np.mean(squares), rtol=1e-6)
    assert not np.asarray(mean)[count[..., 0] == 0].any()
