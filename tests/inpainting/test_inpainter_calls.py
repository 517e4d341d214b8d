"""An inpainter in use: memory, threads, processes, compiled programs, progress, mistakes."""

import concurrent.futures
import pickle
import tracemalloc

import jax
import numpy as np
import pytest
from flax import nnx
from inpainter_examples import SMALL, damaged, untrained
from PIL import Image

import pconv_jax
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting import window_pass
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.models import ContextEncoderConfig, FillCorrectingConfig, LiuConfig, PaperConfig


def test_memory_beyond_the_image_does_not_grow_with_it(inpainter):
    image, mask = np.full((256, 60_000, 3), 90, np.uint8), np.ones((256, 60_000), np.uint8)
    mask[100:104, 50:90] = False
    inpainter(image[:, :200], mask[:, :200])
    tracemalloc.start()
    try:
        inpainter(image, mask)
        assert tracemalloc.get_traced_memory()[1] < 4 * image.nbytes
    finally:
        tracemalloc.stop()


def test_threads_may_share_a_restorer(inpainter):
    pairs = [damaged(100, 130, seed=seed) for seed in range(8)]
    expected = [inpainter(*pair) for pair in pairs]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for found, wanted in zip(threads.map(lambda pair: inpainter(*pair), pairs), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_device_without_enough_memory_is_told(model, monkeypatch):
    def full(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes.")

    monkeypatch.setattr(window_pass, "_compiled", lambda *_: full)
    told = r"^not enough memory \(Out of memory allocating 5 bytes\): close other programs .* JAX_PLATFORMS=cpu"
    with pytest.raises(MemoryError, match=told):
        Inpainter(model)(*damaged(40, 50))


@pytest.mark.parametrize("linear", [False, True])
def test_holes_outside_a_region_stay_as_they_are(inpainter, linear):
    """To the bit, also where the image is grey in three channels; and specks that would be computed together."""
    image = np.full((300, 700, 3), 93, np.uint8)
    hole = np.zeros(image.shape[:2], bool)
    for column in range(20, 700, 60):
        hole[20:23, column : column + 3] = hole[200:203, column : column + 3] = True
    image[hole] = (200, 40, 41)
    result = inpainter(image, hole=hole, region=np.s_[150:, 500:560], linear=linear)
    changed = (result != image).any(axis=2)
    assert changed[200:203, 500:503].all() and changed.sum() == 9


def test_without_holes_nothing_is_done(inpainter):
    image, _ = damaged(40, 50)
    calls = []
    result = inpainter(image, np.ones((40, 50)), progress=lambda *args: calls.append(args))
    np.testing.assert_array_equal(result, image)
    assert result is not image
    assert calls == []


def test_progress_counts_windows(inpainter):
    image, mask = damaged(400, 330, spots=8)
    calls = []
    inpainter(image, mask, progress=lambda done, total: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, calls[0][1] + 1))
    assert len({total for _, total in calls}) == 1


def test_one_program_is_compiled_for_a_size_of_windows(model, programs):
    inpainter = Inpainter(model, windows=SMALL)
    for seed, (height, width) in enumerate([(20, 30), (77, 140), (150, 150), (300, 90), (211, 333), (64, 64)]):
        inpainter(*damaged(height, width, seed=seed))
    assert len(programs) == len(SMALL)


@pytest.mark.parametrize(
    ("image", "mask", "named"),
    [
        (np.zeros((8, 8, 3), np.uint8), np.ones((8, 9)), "the mask is 9x8 and the image 8x8: they must"),
        (
            np.zeros((8, 8, 3), np.uint8),
            np.full((8, 8), 255, np.uint8),
            r"this one holds 255: .* give hole=picture >= 128",
        ),
        (np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0.5), "this one holds 0.5"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8)), "no valid pixel"),
        (np.full((8, 8, 3), 255.0), np.eye(8), "range from 255.0 to 255.0: rescale them, or give uint8"),
        (np.full((8, 8, 3), 1.001), np.eye(8), r"to 1\.001.*: clip them with numpy.clip, or give uint8"),
        ("photo.jpg", np.eye(8), "an array or a PIL image, not str: open the file first"),
        (np.ma.array(np.zeros((8, 8, 3))), np.eye(8), r"hole=image.mask.any\(axis=-1\) if it marks"),
        (np.full((8, 8, 3), np.nan), np.eye(8), "but 24 of these 24 values are NaN or infinite: replace them$"),
        (np.zeros((8, 8, 3), np.int64), np.ones((8, 8)), "not int64"),
        (np.zeros((8, 8, 2), np.uint8), np.ones((8, 8)), r"not \(8, 8, 2\)"),
        (np.zeros((3, 8, 8), np.uint8), np.ones((8, 8)), r"not \(3, 8, 8\)"),
        (np.zeros((1, 8, 8, 3), np.uint8), np.ones((8, 8)), "one image at a time"),
        (np.zeros((0, 8, 3), np.uint8), np.ones((0, 8)), r"not \(0, 8, 3\)"),
        (Image.new("CMYK", (8, 8)), np.ones((8, 8)), "mode CMYK .* convert it to RGB"),
        (Image.new("P", (8, 8)), np.ones((8, 8)), "mode P"),
        (Image.new("RGB", (0, 5)), np.ones((5, 0)), "the image has 0x5 pixels: give one that is not empty"),
        (Image.new("I", (8, 8)), np.ones((8, 8)), "mode I does not say .* as uint16 if 65535 is white"),
        (Image.new("F", (8, 8)), np.ones((8, 8)), "mode F does not say .* in floating point if 1 is"),
        (np.zeros((8, 8, 3), np.uint8), np.full((8, 8), np.nan), "this one holds nan"),
        (np.zeros((8, 8, 3), np.uint8), Image.new("F", (8, 8)), "mode F does not say which value is white"),
        (np.zeros((8, 8, 3), np.uint8), Image.new("I", (8, 8)), "mode I does not say"),
    ],
)
def test_mistakes_are_named(inpainter, image, mask, named):
    with pytest.raises(InputError, match=named):
        inpainter(image, mask)


@pytest.mark.parametrize("windows", [(), (200, 144), (100,), (150,), (64, 128), (96,), (128.0,), ("128",), ([128],)])
def test_windows_that_cannot_be(model, windows):
    with pytest.raises(InputError, match=r"windows=\("):
        Inpainter(model, windows=windows)


def test_inside_jit_is_refused(inpainter):
    with pytest.raises(InputError, match="an image cannot be traced by jit, grad or vmap here: call this outside"):
        jax.jit(lambda image: inpainter(image, np.eye(8)))(np.zeros((8, 8, 3)))
    with pytest.raises(InputError, match="a mask cannot be traced"):
        jax.jit(lambda mask: inpainter(np.zeros((8, 8, 3)), mask))(np.eye(8))
    with pytest.raises(InputError, match="a hole cannot be traced"):
        jax.jit(lambda hole: inpainter(np.zeros((8, 8, 3)), hole=hole))(np.eye(8) > 0)


def test_what_an_inpainter_is_not_made_of():
    for wrong in ("faithful", PaperConfig(widths=(4,)).build(rngs=nnx.Rngs(0))):
        with pytest.raises(InputError, match=r"takes a TrainedGenerator, not (str|PaperGenerator): .*from_pretrained"):
            Inpainter(wrong)
    for wrong in (None, b"faithful", 3):
        with pytest.raises(InputError, match=r"weights must be given as a name or a path, not as (NoneType|bytes|int)"):
            Inpainter.from_pretrained(wrong)
        with pytest.raises(InputError, match="weights must be given as a name or a path"):
            pconv_jax.inpaint(np.zeros((8, 8, 3), np.uint8), np.eye(8), weights=wrong)
        with pytest.raises(InputError, match="detector must be given as a name or a path"):
            pconv_jax.detect(np.zeros((8, 8, 3), np.uint8), weights=wrong)
    with pytest.raises(InputError, match=r"a Detector takes a trained network, not str: use Detector\.from_pretrained"):
        pconv_jax.Detector("film")


def test_windows_may_be_an_array(model):
    windows = Inpainter(model, windows=np.array([128, 256])).windows
    assert windows == (128, 256) and all(type(size) is int for size in windows)
    with pytest.raises(InputError, match=r"windows=\(256, 128\) must ascend"):
        Inpainter(model, windows=np.array([256, 128]))


@pytest.mark.parametrize("region", [(), [], 0, np.array([0, 1]), (slice(0, 3),)])
def test_regions_that_cannot_be(inpainter, region):
    image, mask = damaged(40, 40)
    with pytest.raises(InputError, match="must be rows and columns"):
        inpainter(image, mask, region=region)


@pytest.mark.parametrize(
    "config",
    [
        FillCorrectingConfig(widths=(4, 6), blocks=(1, 1)),
        PaperConfig(widths=(4, 6)),
        LiuConfig(widths=(4, 6)),
        ContextEncoderConfig(widths=(4, 6, 8), bottleneck=10),
    ],
)
def test_strict_settings_of_jax_change_nothing(config, request):
    model, pair = untrained(config), damaged(40, 50)
    expected = Inpainter(model)(*pair)
    request.getfixturevalue("strict_jax")
    window_pass._compiled.cache_clear()
    np.testing.assert_array_equal(Inpainter(model)(*pair), expected)


def test_networks_that_windows_are_too_small_for(model):
    with pytest.raises(InputError, match=r"needs windows at multiples of 32 px, .* multiples of 16 px"):
        Inpainter(untrained(FillCorrectingConfig((4,) * 5, (1,) * 5)))
    Inpainter(untrained(FillCorrectingConfig((4,) * 4, (1,) * 4)))


def test_a_restorer_can_be_sent_to_another_process(inpainter):
    image, mask = damaged(40, 40)
    expected = inpainter(image, mask)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(inpainter))(image, mask), expected)  # noqa: S301


@pytest.mark.parametrize("reached", [[1], np.zeros((2, 2), bool), np.zeros((8, 8))])
def test_what_was_reached_is_an_array_of_the_size(inpainter, reached):
    with pytest.raises(InputError, match=r"reached must be a NumPy array, bool \(8, 8\): it is written to"):
        inpainter(np.zeros((8, 8, 3), np.uint8), hole=np.eye(8) > 0, reached=reached)
