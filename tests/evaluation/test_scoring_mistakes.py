"""Scoring: methods and batches that are refused."""

import numpy as np
import pytest
from damaged_images import batches, echo, gradient, lines, score

from pconv_jax.common.errors import InputError


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (lambda images, masks: images[:, :-1], r"'mine'.*\(1, 32, 32, 3\).*\(1, 31, 32, 3\)"),
        (lambda images, masks: np.where(images > 0.2, np.nan, images), "'mine' returned .* NaN or infinite"),
        (lambda images, masks: (images * 255).astype(np.uint8), "'mine' must return floats.*uint8"),
    ],
)
def test_wrong_output_names_the_method(method, message):
    image, mask = gradient(), lines()
    with pytest.raises(InputError, match=message):
        score(batches(image, image, mask, 7), {"mine": method})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.ones((2, 32, 32))}, r"\(2, 32, 32\)"),
        ({"mask": np.full((2, 32, 32, 1), 0.5)}, "only 0 .*0.5"),
        ({"noisy": np.zeros((2, 16, 16, 3))}, r"\(2, 16, 16, 3\)"),
        ({"noisy": np.full((2, 32, 32, 3), np.nan)}, "finite where the mask is 1"),
        ({"image": np.full((2, 32, 32, 3), 255.0)}, "truth must lie in .*255"),
    ],
)
def test_wrong_batches(change, message):
    image, mask = gradient(2), lines(2)
    with pytest.raises(InputError, match=message):
        score([{"image": image, "noisy": image, "mask": mask, **change}], {"echo": echo})
