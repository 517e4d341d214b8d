"""Baselines from optional libraries: parity with direct calls, no look into holes, valid pixels kept, missing ones."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from damaged_images import bytes_of, gradient

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.extra_baselines import EXTRA
from pconv_jax.evaluation.methods import open_methods

SIZES = {"fsr_fast": 32, "fsr_best": 16, "shift_map": 64, "patchmatch": 32}
"""Side of a test image, px: the best FSR is slow, and the shift map leaves holes of small images black."""


@pytest.fixture(params=EXTRA)
def method(request):
    """Name of an installed method."""
    if request.param == "patchmatch":
        pytest.importorskip("patchmatch", reason="PyPatchMatch is an extra")
    elif not hasattr(cv2, "xphoto"):
        pytest.skip("OpenCV without its extra modules")
    return request.param


def damaged(size, width=2):
    """A smooth image and a line through it: [1, size, size, 3], [1, size, size, 1]."""
    mask = np.ones((1, size, size, 1), np.float32)
    mask[:, size // 2 : size // 2 + width] = 0
    return bytes_of(gradient(1, size)), mask


def directly(name, image, hole):
    """A call of the library itself, on bytes [H, W, 3] with black holes."""
    if name == "patchmatch":
        import patchmatch

        patchmatch.set_random_seed(0)
        return patchmatch.inpaint(image, hole, patch_size=3)
    flag, to, back = {
        "fsr_fast": (cv2.xphoto.INPAINT_FSR_FAST, cv2.COLOR_RGB2BGR, cv2.COLOR_BGR2RGB),
        "fsr_best": (cv2.xphoto.INPAINT_FSR_BEST, cv2.COLOR_RGB2BGR, cv2.COLOR_BGR2RGB),
        "shift_map": (cv2.xphoto.INPAINT_SHIFTMAP, cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB),
    }[name]
    source, valid = cv2.cvtColor(image, to), ~hole * np.uint8(255)
    margin = (
        32 if name.startswith("fsr") else 0
    )  # FSR is worse at the borders of an image: beyond them is its mirror image
    if margin:
        rough = cv2.inpaint(source, 255 - valid, 3, cv2.INPAINT_NS)
        source = cv2.copyMakeBorder(rough, *[margin] * 4, cv2.BORDER_REFLECT)
        valid = cv2.copyMakeBorder(valid, *[margin] * 4, cv2.BORDER_CONSTANT, value=255)
    found = source.copy()
    cv2.xphoto.inpaint(source, valid, found, flag)
    return cv2.cvtColor(found, back)[margin : margin + len(image), margin : margin + len(image)]


def test_holes_are_those_of_a_direct_call_and_valid_pixels_are_kept(method):
    image, mask = damaged(SIZES[method])
    found = CLASSICAL_METHODS[method](image, mask)
    assert (found.shape, found.dtype) == (image.shape, np.float32)
    hole = mask[0, ..., 0] == 0
    expected = directly(method, np.rint(image[0] * mask[0] * 255).astype(np.uint8), hole)
    np.testing.assert_array_equal(np.rint(found[0][hole] * 255), expected[hole])
    np.testing.assert_array_equal(found[0][~hole], image[0][~hole])
    # A line two pixels wide across a smooth image: the copying methods are off by a step, the others by less.
    assert np.abs(found - image)[0][hole].mean() < (0.03 if method in ("shift_map", "patchmatch") else 0.01)


def test_holes_are_not_looked_into_and_extremes_are_answered(method):
    image, mask = damaged(SIZES[method])
    found = CLASSICAL_METHODS[method](image * mask, mask)
    np.testing.assert_array_equal(
        CLASSICAL_METHODS[method](np.where(mask == 1, image, np.float32(np.nan)), mask), found
    )
    empty = CLASSICAL_METHODS[method](image, np.zeros_like(mask))
    np.testing.assert_array_equal(empty, np.full(image.shape, 0.5, np.float32))
    np.testing.assert_array_equal(CLASSICAL_METHODS[method](image, np.ones_like(mask)), image)


@pytest.mark.skipif(not hasattr(cv2, "xphoto"), reason="OpenCV without its extra modules")
@pytest.mark.parametrize("axis", [0, 1])
def test_fsr_reaches_the_last_rows_and_columns(axis):
    # OpenCV alone leaves holes below and right of the last whole block of 16 px as they are.
    image = bytes_of(gradient(1, 40))[:, :24]
    mask = np.ones((1, 24, 40, 1), np.float32)
    mask[:, 20:22] = mask[:, :, 36:38] = 0
    if axis:
        image, mask = image.transpose(0, 2, 1, 3), mask.transpose(0, 2, 1, 3)
    assert np.abs(CLASSICAL_METHODS["fsr_fast"](image, mask) - image).max() < 0.1


def test_what_is_not_installed_is_named(monkeypatch):
    plain = SimpleNamespace(__version__="5.0.0")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cv2", plain)
        for name in ("fsr_fast", "fsr_best", "shift_map"):
            with pytest.raises(InputError, match=r"OpenCV 5.0.0 is installed without its extra modules.*pip uninstall"):
                open_methods((name,))
    monkeypatch.setitem(sys.modules, "patchmatch", SimpleNamespace(patchmatch_available=False))
    with pytest.raises(InputError, match="PyPatchMatch is installed without its compiled library"):
        open_methods(("patchmatch",))
    monkeypatch.setitem(sys.modules, "patchmatch", None)
    with pytest.raises(
        InputError,
        match=r"needs PyPatchMatch: run `make install EXTRAS=patchmatch`, or `pip",
    ):
        open_methods(("patchmatch",))
