"""What the tests of partial convolutions share: compiled calls, their gradients, examples of all settings."""

import functools
from typing import NamedTuple

import jax
import numpy as np
from compiling import USERS
from jax.extend.core import jaxprs_in_params

from pconv_jax.ops import partial_conv

SETTINGS = ("stride", "padding", "dilation", "feature_groups", "mask_groups")

# Jitted because one function compiles faster than its many operations one by one; with the options of users, as these
# are the tests of what the compiler makes of the definition.
conv = jax.jit(partial_conv, static_argnames=SETTINGS, compiler_options=USERS)


class Result(NamedTuple):
    """What one case gives: outputs, and gradients of sum(y * cotangent)."""

    y: np.ndarray
    updated: np.ndarray
    grad_x: np.ndarray
    grad_kernel: np.ndarray
    grad_bias: np.ndarray | None


@functools.partial(jax.jit, static_argnames=SETTINGS, compiler_options=USERS)
def with_gradients(x, mask, kernel, bias, cotangent, **settings):
    y, backward, updated = jax.vjp(
        lambda x, kernel, bias: partial_conv(x, mask, kernel, bias, **settings), x, kernel, bias, has_aux=True
    )
    return Result(y, updated, *backward(cotangent.astype(y.dtype)))


def assert_close(found, expected, tolerance):
    """Within a tolerance that is relative to the largest entry; the updated masks equal."""
    np.testing.assert_array_equal(found.updated, expected.updated)
    for name in ("y", "grad_x", "grad_kernel", "grad_bias"):
        a, b = getattr(found, name), getattr(expected, name)
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape
        np.testing.assert_allclose(np.asarray(a, np.float64), b, rtol=0, atol=tolerance * np.abs(b).max(), err_msg=name)


def example(shape, masks, window, outputs, *, feature_groups=1, bias=True, batch=2, seed=0):
    """x, mask, kernel and bias of order 1. The mask has a hole large enough for empty windows."""
    rng = np.random.default_rng(seed)
    *spatial, channels = shape
    x = rng.normal(size=(batch, *shape)).astype(np.float32)
    mask = (rng.random((batch, *spatial, masks)) < 0.6).astype(np.float32)
    mask[0, : max(spatial[0] - 2, 1)] = 0
    kernel = rng.normal(size=(*window, channels // feature_groups, outputs)).astype(np.float32)
    return x, mask, kernel, rng.normal(size=outputs).astype(np.float32) if bias else None


def settings(stride=1, padding="SAME", dilation=1, feature_groups=1, mask_groups=None):
    return dict(zip(SETTINGS, (stride, padding, dilation, feature_groups, mask_groups), strict=True))


# Shape of one x, number of masks, window, outputs, settings.
CASES = {
    "1d one mask": ((9, 3), 1, (3,), 4, settings()),
    "1d stride, low and high padding": ((10, 2), 1, (4,), 3, settings(stride=3, padding=((0, 2),))),
    "1d dilation, a mask each": ((11, 3), 3, (3,), 2, settings(dilation=(3,), stride=2)),
    "1d uneven groups": ((8, 5), 2, (2,), 2, settings(mask_groups=(4, 1))),
    "1d VALID": ((8, 2), 1, (3,), 2, settings(padding="VALID", stride=(2,))),
    "2d one mask, even window": ((6, 5, 2), 1, (4, 2), 3, settings(stride=2)),
    "2d equal groups, a stride each": ((7, 6, 6), 3, (3, 3), 2, settings(stride=(2, 3), padding=2)),
    "2d uneven groups, VALID, dilation": (
        (8, 7, 5),
        3,
        (3, 2),
        2,
        settings(padding="VALID", dilation=(2, 3), mask_groups=(1, 3, 1)),
    ),
    "2d a mask each, padding each": ((5, 6, 2), 2, (3, 5), 2, settings(padding=((2, 0), (1, 3)))),
    "2d feature groups, one mask": ((6, 5, 4), 1, (3, 3), 6, settings(feature_groups=2, stride=2)),
    "2d feature groups, a mask each": ((6, 5, 4), 4, (3, 3), 6, settings(feature_groups=2)),
    "2d depthwise, equal groups": ((6, 5, 4), 2, (3, 3), 4, settings(feature_groups=4, padding=1)),
    "2d masks astride feature groups": ((6, 5, 6), 2, (3, 3), 3, settings(feature_groups=3, mask_groups=(3, 3))),
    "3d one mask, SAME stride": ((4, 5, 4, 2), 1, (3, 2, 3), 2, settings(stride=(1, 2, 2))),
    "3d uneven groups, dilation": (
        (5, 4, 4, 3),
        2,
        (2, 3, 1),
        2,
        settings(dilation=(2, 1, 3), padding=((1, 1), (0, 1), (2, 0)), mask_groups=(2, 1)),
    ),
    "3d feature groups, a mask each": ((3, 4, 3, 2), 2, (2, 2, 2), 4, settings(feature_groups=2, padding=1)),
}


def bits(result):
    return [None if a is None else np.asarray(a).tobytes() for a in result]


def operations(function, *arguments):
    """(primitive, its first argument) of every operation, those inside of others included."""

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            yield equation.primitive.name, equation.invars[0].aval if equation.invars else None
            for inner in jaxprs_in_params(equation.params):
                yield from walk(inner)

    return list(walk(jax.make_jaxpr(function)(*arguments).jaxpr))
