"""What the losses look at: the output, the composite, the surroundings of the holes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.losses import PaperLosses
from pconv_jax.losses.views import SURROUNDINGS, shown

SIZE = 24


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    output, target = (jnp.asarray(rng.uniform(size=(1, SIZE, SIZE, 3)), jnp.float32) for _ in range(2))
    mask = jnp.ones((1, SIZE, SIZE, 1)).at[0, 2:4, 5].set(0)
    return output, target, mask


def test_the_output_as_it_is(pair):
    output, target, mask = pair
    truth, seen = shown("output", output, target, mask)
    assert truth is target and seen is output


def test_the_composite_has_the_output_in_its_holes_alone(pair):
    output, target, mask = pair
    truth, seen = shown("composite", output, target, mask)
    expected = np.array(target)
    expected[0, 2:4, 5] = np.asarray(output)[0, 2:4, 5]
    np.testing.assert_array_equal(seen, expected)
    assert truth is target


def test_the_surroundings_are_grey_beyond_eight_pixels(pair):
    output, target, mask = pair
    assert SURROUNDINGS == 8
    truth, seen = shown("surroundings", output, target, mask)
    near = np.zeros((SIZE, SIZE), bool)
    near[: 3 + 8 + 1, : 5 + 8 + 1] = True  # rows 2 and 3, column 5; the image ends before 8 px upwards and to the left
    np.testing.assert_array_equal(np.asarray(truth)[0][near], np.asarray(target)[0][near])
    np.testing.assert_array_equal(np.asarray(seen)[0][near], np.asarray(shown("composite", *pair)[1])[0][near])
    assert (np.asarray(truth)[0][~near] == 0.5).all() and (np.asarray(seen)[0][~near] == 0.5).all()


@pytest.mark.parametrize("view", ["output", "composite", "surroundings"])
def test_each_loss_looks_at_what_it_is_told_to(pair, view):
    """The judge and the features here are plain sums, so that the terms tell which image they were given."""
    weights = PaperLosses(judged_image=view, perceptual_image=view)
    judge, features = (lambda x: x.mean((1, 2, 3))), (lambda x: {"x": x})
    terms = weights.terms(*pair, features=features, judge=judge)
    truth, seen = (np.asarray(x, np.float64) for x in shown(view, *pair))
    np.testing.assert_allclose(terms["adversarial"], np.log1p(np.exp(-seen.mean())), rtol=1e-5)
    np.testing.assert_allclose(terms["perceptual"], np.abs(seen - truth).mean() / truth.mean(), rtol=1e-5)
    for found, expected in zip(weights.judged(*pair), (truth, seen), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    plain = PaperLosses().terms(*pair, features=features, judge=judge)
    assert terms["pixel"] == plain["pixel"]


@pytest.mark.parametrize("view", ["composite", "surroundings"])
def test_no_gradient_reaches_valid_pixels_but_of_the_output(pair, view):
    output, target, mask = pair
    seen = jax.grad(lambda x: (shown(view, x, target, mask)[1] ** 2).sum())(output)
    np.testing.assert_array_equal(np.asarray(seen)[np.broadcast_to(mask == 1, seen.shape)], 0)
    assert (np.asarray(seen)[np.broadcast_to(mask == 0, seen.shape)] != 0).all()


@pytest.mark.parametrize("name", ["judged_image", "perceptual_image"])
def test_an_unknown_view_is_refused(name):
    with pytest.raises(InputError, match=f"{name}='raw' must be one of output, composite, surroundings"):
        PaperLosses(**{name: "raw"}).check()
