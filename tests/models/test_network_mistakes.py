"""Configurations and inputs that cannot be are named, for the generator and the discriminator."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import build, picture

from pconv_jax.common.errors import InputError
from pconv_jax.models import ContextEncoderConfig, DiscriminatorConfig, FillCorrectingConfig, PaperConfig
from pconv_jax.models.initialize import parts_of


@pytest.mark.parametrize(
    ("config", "kwargs", "named"),
    [
        (PaperConfig, {"widths": ()}, r"widths=\(\)"),
        (PaperConfig, {"widths": (8, 0)}, r"widths=\(8, 0\)"),
        (PaperConfig, {"kernel_size": 4}, "kernel_size=4"),
        (PaperConfig, {"kernel_size": 1}, "kernel_size=1"),
        (PaperConfig, {"kernel_size": -3}, "kernel_size=-3"),
        (PaperConfig, {"convolution": "gated"}, "convolution='gated' must be one of partial, plain"),
        (PaperConfig, {"head": "tanh"}, "head='tanh' must be one of partial, sigmoid"),
        (DiscriminatorConfig, {"widths": ()}, r"widths=\(\)"),
        (DiscriminatorConfig, {"widths": (8, 0)}, r"widths=\(8, 0\)"),
        (DiscriminatorConfig, {"image_size": 72}, "image_size=72.*multiple of 16"),
        (DiscriminatorConfig, {"image_size": 0}, "image_size=0"),
        (DiscriminatorConfig, {"image_size": "64"}, "image_size='64' must be a whole number$"),
        (PaperConfig, {"widths": 4}, r"widths=4 must be a tuple of whole numbers, such as \(32, 64, 128, 128\)$"),
        (PaperConfig, {"widths": "48"}, "widths='48' must be a tuple of whole numbers"),
        (PaperConfig, {"kernel_size": 3.0}, "kernel_size=3.0 must be a whole number"),
        (PaperConfig, {"negative_slope": "a"}, "negative_slope='a' must be a number"),
        (PaperConfig, {"batch_norm_momentum": 2.0}, "batch_norm_momentum=2.0 must be at least 0 and below 1"),
        (PaperConfig, {"centre": 2}, "centre=2 must be True or False"),
        (PaperConfig, {"head": 3}, "head=3 must be a text, such as 'partial'"),
        (ContextEncoderConfig, {"bottleneck": 2.5}, "bottleneck=2.5 must be a whole number"),
        (FillCorrectingConfig, {"blocks": (1.5, 1, 1)}, r"blocks=\(1.5, 1, 1\) must be a tuple of whole numbers"),
    ],
)
def test_a_network_that_cannot_be_is_named(config, kwargs, named):
    with pytest.raises(InputError, match=named):
        config(**kwargs)


@pytest.mark.parametrize(
    ("image", "mask", "named"),
    [
        ((2, 16, 16, 1), (2, 16, 16, 1), ["(2, 16, 16, 1)"]),
        ((16, 16, 3), (16, 16, 1), ["(16, 16, 3)"]),
        ((2, 16, 16, 3), (2, 16, 16, 3), ["(2, 16, 16, 3)", "(2, 16, 16, 1)"]),
        ((2, 16, 16, 3), (1, 16, 16, 1), ["(2, 16, 16, 3)", "(1, 16, 16, 1)"]),
        ((2, 16, 16, 3), (2, 16, 16), ["(2, 16, 16, 3)", "(2, 16, 16)"]),
    ],
)
def test_inputs_of_another_shape_are_named(small, image, mask, named):
    with pytest.raises(InputError) as caught:
        small(np.zeros(image, np.float32), np.ones(mask, np.float32))
    assert all(name in str(caught.value) for name in named)


def test_a_mask_of_other_values_is_named(small, plain):
    image, mask = picture()
    for model in (small, plain):
        with pytest.raises(InputError, match="255"):
            model(image, 255 * mask)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, bool])
def test_an_image_that_is_not_floating_point_is_refused(small, plain, dtype):
    image, mask = np.ones((2, 16, 16, 3), dtype), np.ones((2, 16, 16, 1), np.float32)
    for model in (small, plain, build(FillCorrectingConfig(widths=(4,), blocks=(1,)))):
        with pytest.raises(InputError, match=rf"not {np.dtype(dtype)}: divide bytes by 255 first$"):
            model(image, mask)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda rngs: nnx.Variable(jnp.ones(3)), "extra"),
        (lambda rngs: np.ones(3), "extra"),
        (lambda rngs: nnx.Dropout(0.5, rngs=rngs), "extra.rngs.count, extra.rngs.key"),
    ],
)
@pytest.mark.parametrize("of_shapes", [False, True])
def test_variables_that_are_not_trained_or_saved_are_refused(made, named, of_shapes):
    class Network(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 3, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(3, rngs=rngs)
            if made is not None:
                self.extra = made(rngs)

    def make():
        return Network(nnx.Rngs(0))

    with pytest.raises(InputError, match=f"Network holds {named}, but only nnx.Param and nnx.BatchStat are trained"):
        parts_of(nnx.eval_shape(make) if of_shapes else make())
    made = None
    _, params, stats = parts_of(make())
    assert set(params) == {"conv", "norm"} and set(stats) == {"norm"}
