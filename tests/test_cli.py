"""The command as a user meets it: what it writes, what it leaves alone, what it says, and how it is stopped."""

import errno
import importlib.metadata
import io
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import jax
import numpy as np
import pytest
import tifffile
from flax import nnx
from PIL import Image, ImageCms

from pconv_jax.cli import main
from pconv_jax.models import PyramidConfig, PyramidGenerator
from pconv_jax.restorer import WINDOWS
from pconv_jax.weights import Weights, save_weights

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(sys.executable).with_name("pconv-jax")
CONFIG = PyramidConfig(widths=(4, 6), blocks=(1, 1))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIZE = (40, 50)
FLAGS = (
    *("--help", "--out", "-o", "--mask", "-m", "--mask-alpha", "--mask-color", "--mask-tolerance", "--mask-threshold"),
    *("--invert-mask", "--dilate", "--weights", "--overwrite", "--compare", "--quality"),
)
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF", ".webp": "WEBP"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of seconds: what it makes of holes is nothing to look at, but never what was there."""
    params, stats = nnx.split(PyramidGenerator(CONFIG, rngs=nnx.Rngs(0)), nnx.Param, nnx.BatchStat)[1:]
    params = jax.tree.map(lambda leaf: leaf * 1.5 + 0.02, params)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, Weights(CONFIG, params, stats, {"thickest_line": 24}))
    return path


@pytest.fixture
def inpaint(weights, capsys):
    """Runs the command; whatever happens, the user sees sentences and never a traceback."""

    def run(*arguments, own_weights=False):
        flags = () if own_weights else ("--weights", weights)
        capsys.readouterr()
        try:
            code = main(["inpaint", *map(str, (*arguments, *flags))])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "\r" not in out + err  # neither is a terminal here
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def started(*arguments):
    """The installed script as a process of its own."""
    # What it compiles is kept with what the tests do, and for the next time.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Tests that run in the background of a shell ignore SIGINT, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen([SCRIPT, *map(str, arguments)], env={**os.environ, **cache}, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)


def picture(height=SIZE[0], width=SIZE[1], channels=3, dtype=np.uint8, seed=0):
    """Random pixels around the middle: no two pictures are alike."""
    most = np.iinfo(dtype).max
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(most // 4, 3 * most // 4, shape).astype(dtype)


def hole(height=SIZE[0], width=SIZE[1]):
    """A stroke that is neither symmetric nor in the middle."""
    mask = np.zeros((height, width), bool)
    mask[height // 8 : height // 8 + 4, width // 10 : max(1, width // 2)] = True
    return mask


def save(path, array, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.dtype == bool:
        array = np.where(array, 255, 0).astype(np.uint8)
    if array.dtype == np.uint16 and path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack")
    elif array.dtype == np.uint16:
        assert cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)
    else:
        Image.fromarray(array).save(path, **kwargs)
    return path


def load(path):
    if path.suffix in (".png", ".tif") and (array := cv2.imread(str(path), cv2.IMREAD_UNCHANGED)).dtype == np.uint16:
        return array[..., ::-1] if array.ndim == 3 else array
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder):
    """Everything below the folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def state(*paths):
    return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]


def check(before, after, mask):
    """Valid pixels to the bit, holes not what they were."""
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    np.testing.assert_array_equal(after[~mask], before[~mask])
    assert (after[mask] != before[mask]).mean() > 0.5


def sentences(text):
    """The complaints, each in one line and with nothing around them but a summary."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [line for line in lines if line.startswith(("error: ", "failed: "))]
    rest = [line for line in lines if line not in found]
    assert all(re.match(r"\d+ ", line) for line in rest), text
    return found


@pytest.fixture
def one(tmp_path):
    """A photograph and its mask in a folder of their own."""
    folder = tmp_path / "one"
    return SimpleNamespace(
        folder=folder,
        image=save(folder / "a.png", picture()),
        mask=save(folder / "m.png", hole()),
        out=folder / "out.png",
    )


# One photograph


def test_only_holes_change(one, inpaint):
    before = state(one.image, one.mask)
    result = inpaint(one.image, "--mask", one.mask, "--out", one.out)
    assert result.code == 0
    assert sentences(result.err) == []
    assert "1 restored" in result.out + result.err
    check(picture(), load(one.out), hole())
    assert state(one.image, one.mask) == before
    assert files(one.folder) == {"a.png", "m.png", "out.png"}
    assert one.out.stat().st_mode & 0o777 == one.image.stat().st_mode & 0o777  # others may read it as well


@pytest.mark.parametrize("before", SUFFIXES)
@pytest.mark.parametrize("after", SUFFIXES)
def test_formats(one, inpaint, before, after):
    lossless = {"lossless": True} if before == ".webp" else {}
    image = save(one.folder / f"photo{before}", picture(), **lossless)
    out = one.folder / f"result{after}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert (opened.format, opened.mode, opened.size) == (SUFFIXES[after], "RGB", SIZE[::-1])
    if after in (".png", ".tif"):
        check(load(image), load(out), hole())
    else:  # WebP halves the chroma
        assert np.abs(load(out).mean(axis=2) - load(image).mean(axis=2))[~hole()].mean() < 12


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_depth_and_grey_are_kept(one, inpaint, suffix, channels, dtype):
    image = save(one.folder / f"photo{suffix}", picture(channels=channels, dtype=dtype))
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    check(picture(channels=channels, dtype=dtype), load(out), hole())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_grey_stays_grey_where_pixels_are_not_kept(one, inpaint, suffix):
    out = one.folder / f"result{suffix}"
    assert inpaint(save(one.folder / "grey.jpg", picture(channels=1)), "-m", one.mask, "-o", out).code == 0
    array = load(out)
    assert array.ndim == 2 or np.ptp(array.astype(int), axis=2).max() <= 1  # WebP knows no grey


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_kept(one, inpaint, suffix, channels):
    array = picture(channels=channels)
    image = save(one.folder / "photo.png", array)
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    after = load(out)
    assert after.shape[2] == (4 if suffix == ".webp" else channels)
    np.testing.assert_array_equal(after[~hole(), -1], array[~hole(), -1])
    if suffix != ".webp":
        check(array, after, hole())


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_turned_photographs_are_set_upright_and_keep_what_is_known_of_them(one, inpaint, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"  # stored lying on its side
    image = save(one.folder / "photo.jpg", picture(), exif=exif, icc_profile=SRGB, quality=95)
    upright = np.rot90(load(image), -1)
    mask = save(one.folder / "m.png", hole(*SIZE[::-1]))
    out = one.folder / f"result{suffix}"
    assert inpaint(image, "-m", mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert opened.size == SIZE
        assert opened.info["icc_profile"] == SRGB
        assert opened.getexif().get(0x0112, 1) == 1
        assert opened.getexif()[0x010F] == "Camera"
    if suffix in (".png", ".tif"):
        check(upright, load(out), hole(*SIZE[::-1]))
    lying = save(one.folder / "lying.png", hole())
    result = inpaint(image, "-m", lying, "-o", one.folder / f"other{suffix}")
    assert result.code != 0
    assert "50x40" in result.err and "40x50" in result.err


def test_turned_masks_are_set_upright_too(one, inpaint):
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = save(one.folder / "turned.png", np.rot90(hole()), exif=exif)
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_without_holes_the_file_is_copied(one, inpaint):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("photo.png", "photo.jpg", "photo.tif", "photo.webp"):
        image = save(one.folder / name, picture(), exif=exif)
        mask = save(one.folder / "m.png", np.zeros(SIZE[::-1], bool))
        out = one.folder / f"out-{name}"
        result = inpaint(image, "-m", mask, "-o", out)
        assert result.code == 0
        assert "copied, without damage" in result.out + result.err
        assert out.read_bytes() == image.read_bytes()
    assert inpaint(one.folder / "photo.png", "-m", mask, "-o", one.folder / "new.tif").code == 0
    np.testing.assert_array_equal(load(one.folder / "new.tif"), np.rot90(picture(), -1))


def test_the_weights_that_come_along_restore(one, inpaint):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    smooth = np.stack([100 + rows, 80 + columns, 60 + rows + columns], 2).astype(np.uint8)
    save(one.image, np.where(hole()[..., None], 255, smooth).astype(np.uint8))
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, own_weights=True).code == 0
    assert np.abs(load(one.out).astype(int) - smooth)[hole()].mean() < 10
    assert (load(one.out) == smooth)[~hole()].all()


def test_twice_the_same_is_the_same_to_the_byte(one, inpaint):
    for suffix in SUFFIXES:
        out = one.folder / f"out{suffix}"
        contents = set()
        for _ in range(2):
            result = inpaint(one.image, "-m", one.mask, "-o", out, "--overwrite", "--compare")
            assert "1 restored" in result.out + result.err
            contents.add(b"".join(path.read_bytes() for path in sorted(one.folder.glob("out*"))))
        assert len(contents) == 1


def test_quality(one, inpaint):
    sizes = []
    for quality in (1, 50, 100):
        out = one.folder / f"{quality}.jpg"
        assert inpaint(one.image, "-m", one.mask, "-o", out, "--quality", quality).code == 0
        sizes.append(out.stat().st_size)
    assert sizes == sorted(set(sizes))


# Where the holes are


def test_transparent_is_the_hole(one, inpaint):
    array = picture(channels=4)
    array[..., 3] = np.where(hole(), 127, 128)
    image = save(one.folder / "erased.png", array)
    assert inpaint(image, "--mask-alpha", "-o", one.out).code == 0
    after = load(one.out)
    check(array[..., :3], after, hole())  # and all can be seen again
    result = inpaint(one.image, "--mask-alpha", "-o", one.folder / "opaque.png")
    assert result.code == 1
    assert "a.png: has no alpha channel" in sentences(result.err)[0]
    array[..., 3] = 255
    assert inpaint(save(image, array), "--mask-alpha", "-o", one.folder / "whole.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "whole.png"), array[..., :3])


def test_a_colour_in_a_grey_photograph_is_grey(one, inpaint):
    array = picture(channels=1)
    array[hole()] = 250
    image = save(one.folder / "grey.png", array)
    assert "without damage" in inpaint(image, "--mask-color", 250, 0, 0, "-o", one.out).out
    assert inpaint(image, "--mask-color", 250, 250, 250, "-o", one.folder / "b.png").code == 0
    check(array, load(one.folder / "b.png"), hole())


def test_a_colour_is_the_hole(one, inpaint):
    array = picture()
    array[hole()] = (250, 10, 0)
    array[30, 40], array[31, 40] = (250, 10, 10), (251, 10, 0)
    image = save(one.folder / "marked.png", array)
    reached = hole()
    assert inpaint(image, "--mask-color", 250, 10, 0, "-o", one.out).code == 0
    check(array, load(one.out), reached)
    reached[31, 40] = True
    out = one.folder / "9.png"
    assert inpaint(image, "--mask-color", 250, 10, 0, "--mask-tolerance", 9, "-o", out).code == 0
    check(array, load(out), reached)
    reached[30, 40] = True
    out = one.folder / "10.png"
    assert inpaint(image, "--mask-color", 250, 10, 0, "--mask-tolerance", 10, "-o", out).code == 0
    check(array, load(out), reached)


def test_a_colour_at_either_end_does_not_wrap_round(one, inpaint):
    array = picture(dtype=np.uint16)
    array[hole()] = 0
    array[30, 40] = 65535
    image = save(one.folder / "black.png", array)
    assert inpaint(image, "--mask-color", 0, 0, 0, "--mask-tolerance", 20, "-o", one.out).code == 0
    check(array, load(one.out), hole())


def test_thresholds_and_inverted_masks(one, inpaint):
    mask = np.where(hole(), 200, 199).astype(np.uint8)
    save(one.mask, mask)
    assert inpaint(one.image, "-m", one.mask, "--mask-threshold", 200, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())
    save(one.mask, np.where(hole(), 128, 127).astype(np.uint8))
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "b.png").code == 0
    assert (one.folder / "b.png").read_bytes() == one.out.read_bytes()
    save(one.mask, ~hole())
    assert inpaint(one.image, "-m", one.mask, "--invert-mask", "-o", one.folder / "c.png").code == 0
    assert (one.folder / "c.png").read_bytes() == one.out.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "16"])
def test_kinds_of_mask_pictures(one, inpaint, mode):
    if mode == "16":
        mask = save(one.folder / "m16.png", np.where(hole(), 65535, 0).astype(np.uint16))
    else:
        mask = one.folder / f"{mode}.png"
        Image.fromarray(np.where(hole(), 255, 0).astype(np.uint8)).convert(mode).save(mask)
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_a_jpeg_mask_with_grey_edges(one, inpaint):
    mask = save(one.folder / "m.jpg", hole(), quality=60)
    assert set(np.unique(load(mask))) > {0, 255}
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), load(mask) >= 128)


def test_holes_are_widened_by_no_more_than_asked(one, inpaint):
    mask = np.zeros(SIZE, bool)
    mask[20:22, 20:30] = True
    save(one.mask, mask)
    assert inpaint(one.image, "-m", one.mask, "--dilate", 3, "-o", one.out).code == 0
    changed = (load(one.out) != picture()).any(axis=2)
    assert (changed[17:25, 21:29].mean(), changed[20:22, 17:33].mean()) == (1, 1)
    changed[17:25, 17:33] = False
    assert not changed.any()
    result = inpaint(one.image, "-m", one.mask, "--dilate", 60, "-o", one.folder / "all.png")
    (complaint,) = sentences(result.err)
    assert result.code != 0
    assert "no valid pixel" in complaint and "--dilate" in complaint  # it was not the mask alone
    assert not (one.folder / "all.png").exists()


@pytest.mark.parametrize("by_colour", [False, True])
def test_widening_reaches_the_edges(one, inpaint, by_colour):
    array, mask = picture(), np.zeros(SIZE, bool)
    mask[0, 0] = mask[-1, -1] = True
    array[mask] = 0
    image = save(one.folder / "edges.png", array)
    source = ("--mask-color", 0, 0, 0) if by_colour else ("-m", save(one.mask, mask))
    assert inpaint(image, *source, "--dilate", 1, "-o", one.out).code == 0
    changed = np.argwhere((load(one.out) != array).any(axis=2)).tolist()
    assert [1, 0] in changed and [39, 48] in changed
    assert all(sum(place) <= 2 or sum(place) >= 86 for place in changed)


@pytest.mark.parametrize(
    "sources",
    [
        (),
        ("-m", "MASK", "--mask-alpha"),
        ("-m", "MASK", "--mask-color", 1, 2, 3),
        ("--mask-alpha", "--mask-color", 1, 2, 3),
        ("--mask-alpha", "--mask-color", 1, 2, 3, "-m", "MASK"),
    ],
)
def test_there_is_one_source_of_masks(one, inpaint, sources):
    result = inpaint(one.image, *(one.mask if flag == "MASK" else flag for flag in sources), "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert all(flag in complaint for flag in ("--mask", "--mask-alpha", "--mask-color"))
    assert not one.out.exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--mask-tolerance", -1),
        ("--mask-tolerance", 256),
        ("--mask-threshold", -1),
        ("--mask-threshold", 257),
        ("--dilate", -1),
        ("--quality", 0),
        ("--quality", 101),
    ],
)
def test_numbers_that_cannot_be(one, inpaint, flags):
    source = ("--mask-color", 1, 2, 3) if flags[0] == "--mask-tolerance" else ("-m", one.mask)
    result = inpaint(one.image, *source, *flags, "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert flags[0] in complaint and str(flags[1]) in complaint
    assert not one.out.exists()


@pytest.mark.parametrize("colour", [(256, 0, 0), (-1, 0, 0)])
def test_colours_that_cannot_be(one, inpaint, colour):
    result = inpaint(one.image, "--mask-color", *colour, "-o", one.out)
    assert result.code == 2
    assert "--mask-color" in result.err
    assert not one.out.exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--mask-alpha", "--invert-mask"),
        ("--mask-alpha", "--mask-threshold", 10),
        ("--mask-color", 1, 2, 3, "--invert-mask"),
        ("--mask-alpha", "--mask-tolerance", 10),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(one, inpaint, flags):
    image = save(one.folder / "rgba.png", picture(channels=4))
    result = inpaint(image, *flags, "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert next(flag for flag in flags[1:] if str(flag).startswith("--")) in complaint


# Folders


def test_a_folder_with_masks_by_name(own, inpaint):
    save(own / "images" / "d.JPG", picture())
    save(own / "masks" / "d.png", hole())
    (own / "images" / "notes.txt").write_text("not a photograph")
    (own / "images" / ".hidden.png").write_bytes(b"")
    result = inpaint(own / "images", "--mask", own / "masks", "--out", own / "out")
    assert result.code == 0
    assert "4 restored" in result.out + result.err
    assert files(own / "out") == {"a.png", "b.png", "deep/c.png", "d.JPG"}
    for name in ("a", "b", "deep/c"):
        with Image.open(own / "masks" / f"{name}.gif") as mask:
            white = np.asarray(mask.convert("L")) > 127
        check(load(own / "images" / f"{name}.png"), load(own / "out" / f"{name}.png"), white)


def test_one_mask_for_all(one, inpaint):
    for seed, name in enumerate(("a.png", "b.tif", "deep/c.png")):
        save(one.folder / "photos" / name, picture(seed=seed))
    result = inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 0
    for seed, name in enumerate(("a.png", "b.tif", "deep/c.png")):
        check(picture(seed=seed), load(one.folder / "out" / name), hole())


@pytest.mark.parametrize("masks", [[], ["b.tif", "b.gif"]])
def test_a_photograph_without_its_one_mask_is_told_before_anything_is_written(own, inpaint, masks):
    (own / "masks" / "b.gif").unlink()
    for name in masks:
        save(own / "masks" / name, np.zeros((30, 16), bool))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code != 0
    (complaint,) = sentences(result.err)
    assert "b.png" in complaint
    assert not (own / "out").exists()


def test_of_two_masks_that_with_the_very_name_is_meant(one, inpaint):
    """As there may be an a.jpg beside an a.png."""
    for name, mask in (("a.png", hole()), ("a.jpg", ~hole())):
        save(one.folder / "masks" / name, mask, **({"quality": 100} if name == "a.jpg" else {}))
    assert inpaint(one.image, "-m", one.folder / "masks", "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_masks_are_sought_in_the_same_subfolder_only(own, inpaint):
    (own / "masks" / "deep" / "c.gif").rename(own / "masks" / "c.gif")
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code != 0
    assert "c.png" in sentences(result.err)[0]


def test_two_photographs_of_one_result_are_refused(own, inpaint):
    save(own / "images" / "a.bmp", picture(24, 40))
    result = inpaint(own / "images", "--mask-color", 1, 2, 3, "-o", own / "out")
    assert result.code != 0
    (complaint,) = sentences(result.err)
    assert "a.bmp" in complaint and "a.png" in complaint
    assert not (own / "out").exists()


def test_photographs_that_differ_in_suffix_alone_keep_theirs(one, inpaint):
    for name in ("a.png", "a.jpg"):
        save(one.folder / "photos" / name, picture())
    assert inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out").code == 0
    assert files(one.folder / "out") == {"a.png", "a.jpg"}


def test_finished_results_are_skipped(own, inpaint):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    assert inpaint(*arguments).code == 0
    (own / "out" / "b.png").unlink()
    finished = [own / "out" / "a.png", own / "out" / "deep" / "c.png"]
    before = state(*finished)
    result = inpaint(*arguments)
    assert result.code == 0
    assert "1 restored" in result.out + result.err and "2 skipped" in result.out + result.err
    assert state(*finished) == before
    result = inpaint(*arguments)
    assert "3 skipped" in result.out + result.err
    result = inpaint(*arguments, "--overwrite")
    assert "3 restored" in result.out + result.err
    assert [content for content, _ in state(*finished)] == [content for content, _ in before]
    assert all(now[1] > then[1] for now, then in zip(state(*finished), before, strict=True))


def test_one_result_that_exists_is_skipped_and_told(one, inpaint):
    one.out.write_text("mine")
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code == 0
    assert "skipped" in result.out + result.err and "--overwrite" in result.out + result.err
    assert one.out.read_text() == "mine"
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--overwrite").code == 0
    check(picture(), load(one.out), hole())


def test_an_input_is_not_overwritten_unasked(one, inpaint, monkeypatch):
    link = one.folder / "link.png"
    link.symlink_to(one.image)
    before = state(one.image, one.mask)
    monkeypatch.chdir(one.folder)
    for out in (one.image, one.folder, ".", "a.png", "../one/a.png", link):
        result = inpaint(one.image, "-m", one.mask, "-o", out)
        assert result.code == 2 or "skipped" in result.out + result.err, out
        assert state(one.image, one.mask) == before, out
    for overwrite in ((), ("--overwrite",)):
        result = inpaint(one.image, "-m", one.mask, "-o", one.mask, *overwrite)  # never meant
        assert result.code == 2
        assert "m.png is a mask" in sentences(result.err)[0]
        assert state(one.mask) == before[1:]
    assert inpaint(one.folder, "-m", one.mask, "-o", one.folder).code == 2
    assert state(one.image, one.mask) == before
    assert inpaint(one.image, "-m", one.mask, "-o", one.image, "--overwrite").code == 0
    check(picture(), load(one.image), hole())


def test_a_folder_of_results_within_that_of_the_photographs(own, inpaint):
    for out in ("out", "deep/out"):
        arguments = (own / "images", "-m", own / "masks", "-o", own / "images" / out, "--compare")
        results = [inpaint(*arguments), inpaint(*arguments)]
        if results[0].code == 2:
            continue  # refusing is as good
        assert "3 restored" in results[0].out + results[0].err
        assert results[1].code == 0
        assert "3 skipped" in results[1].out + results[1].err
        assert len(files(own / "images" / out)) == 6
        shutil.rmtree(own / "images" / out)


def test_folders_that_contain_each_other(own, inpaint):
    """Results beside the folder of the photographs, and masks or results in it."""
    (own / "masks").rename(own / "images" / "masks")
    result = inpaint(own / "images", "-m", own / "images" / "masks", "-o", own)
    assert "3 restored" in result.out + result.err
    assert {"a.png", "b.png", "deep/c.png"} < files(own)
    assert not (own / "masks").exists()
    for name in ("b.png", "deep/c.png"):
        (own / "images" / name).unlink()
    save(own / "images" / "mask.png", hole(24, 40))
    shutil.rmtree(own / "images" / "masks")
    result = inpaint(own / "images", "-m", own / "images" / "mask.png", "-o", own / "images" / "out")
    assert "1 restored" in result.out + result.err
    assert files(own / "images" / "out") == {"a.png"}


def test_before_and_after_of_one_name(one, inpaint):
    for name in ("a.png", "a.jpg"):
        save(one.folder / "photos" / name, picture())
    assert inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out", "--compare").code == 0
    assert len(files(one.folder / "out")) == 4


def test_asking_for_before_and_after_replaces_nothing(own, inpaint):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    save(own / "masks" / "b.gif", np.zeros((30, 16), bool))
    assert inpaint(*arguments, "--compare").code == 0
    save(own / "out" / "a.png", picture())
    for path in (own / "out").glob("a*compare*"):
        path.unlink()
    results = [own / "out" / "a.png", own / "out" / "b.png", own / "out" / "deep" / "c.png"]
    before = state(*results)
    result = inpaint(*arguments, "--compare")
    assert "3 skipped" in result.out + result.err
    assert state(*results) == before


def test_before_and_after_of_thin_photographs(one, inpaint):
    for size in ((1, 4000), (4000, 1)):
        mask = np.zeros(size, bool)
        mask[:3, :3] = True
        image = save(one.folder / f"{size[0]}.png", picture(*size))
        result = inpaint(image, "-m", save(one.mask, mask), "-o", one.folder / f"out-{size[0]}.png", "--compare")
        assert result.code == 0


def test_before_and_after_beside_the_result(own, inpaint):
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert result.code == 0
    names = files(own / "out")
    assert len(names) == 6
    for name in ("a.", "b.", "deep/c."):
        (path,) = (own / "out" / other for other in names if other.startswith(name) and other != f"{name}png")
        with Image.open(path) as comparison, Image.open(own / "out" / f"{name}png") as after:
            assert comparison.width >= 2 * after.width and comparison.height >= after.height
    again = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert "3 skipped" in again.out + again.err


def test_some_of_a_folder_fail_and_the_others_are_done(own, inpaint):
    (own / "images" / "a.png").write_bytes(b"no photograph")
    save(own / "masks" / "deep" / "c.gif", np.zeros((5, 5), bool))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert result.code == 1
    first, second = sentences(result.err)
    assert "a.png" in first and "c.png" in second
    assert "1 restored" in result.out + result.err and "2 failed" in result.out + result.err
    assert {name for name in files(own / "out") if "compare" not in name} == {"b.png"}
    assert len(files(own / "out")) == 2


def test_every_failure_is_named(one, inpaint):
    for number in range(30):
        (one.folder / "photos" / f"{number}.png").parent.mkdir(exist_ok=True)
        (one.folder / "photos" / f"{number}.png").write_bytes(b"no photograph")
    result = inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 1
    assert "30 failed" in result.out + result.err
    assert len(sentences(result.err)) == 30
    assert not (one.folder / "out").exists()


def test_no_program_is_compiled_for_a_photograph(tmp_path, inpaint, programs):
    rng = np.random.default_rng(0)
    for number in range(30):
        height, width = rng.integers(20, 240, 2)
        folder = "few" if number < 10 else "many"
        save(tmp_path / folder / f"{number}.png", picture(height, width, channels=(1, 3)[number % 2], seed=number))
        mask = np.zeros((height, width), bool)
        for _ in range(3):
            y, x = rng.integers(0, height), rng.integers(0, width)
            mask[y : y + 3, x : x + 60] = True
        mask[-1] = False
        save(tmp_path / f"{folder}-masks" / f"{number}.png", mask)
    assert inpaint(tmp_path / "few", "-m", tmp_path / "few-masks", "-o", tmp_path / "out").code == 0
    result = inpaint(tmp_path / "many", "-m", tmp_path / "many-masks", "-o", tmp_path / "out")
    assert result.code == 0
    assert "20 restored" in result.out + result.err
    assert len(files(tmp_path / "out")) == 30
    assert 2 <= len(programs) <= len(WINDOWS)


# Bad input


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def broken(folder, kind):
    """A file that is no photograph."""
    path = folder / ("photo.jpg" if "jpeg" in kind or kind == "text" else "photo.png")
    if kind.startswith("truncated"):
        save(path, picture())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif kind == "animation":
        path = folder / "photo.gif"
        frames = [Image.fromarray(picture(seed=seed)).convert("P") for seed in range(3)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes({"empty": b"", "text": b"Dear grandmother,\n" * 20, "bomb": png_header(60000, 60000)}[kind])
    return path


KINDS = ["truncated png", "truncated jpeg", "animation", "empty", "text", "bomb"]


@pytest.mark.parametrize("kind", [*KINDS, "folder"])
@pytest.mark.parametrize("as_mask", [False, True])
def test_files_that_are_no_photographs(one, inpaint, kind, as_mask):
    path = broken(one.folder, kind)
    before = files(one.folder)
    pair = (one.image, "-m", path) if as_mask else (path, "-m", one.mask)
    result = inpaint(*pair, "-o", one.out)
    assert result.code in (1, 2)
    (complaint,) = sentences(result.err)
    assert path.name in complaint
    assert files(one.folder) == before


@pytest.mark.parametrize("kind", KINDS)
def test_they_fail_alone_in_a_folder(one, inpaint, kind):
    path = broken(one.folder, kind)
    one.image.rename(one.folder / "zz.png")
    one.mask.rename(one.folder.parent / "m.png")
    out = one.folder.parent / "out"
    result = inpaint(one.folder, "-m", one.folder.parent / "m.png", "-o", out)
    assert result.code == 1
    (complaint,) = sentences(result.err)
    assert path.name in complaint
    assert files(out) == {"zz.png"}


def test_masks_that_do_not_go_with_the_photograph(one, inpaint):
    for mask, named in ((hole(40, 51), "51x40"), (np.ones(SIZE, bool), "valid pixel")):
        result = inpaint(one.image, "-m", save(one.mask, mask), "-o", one.out)
        assert result.code in (1, 2)
        (complaint,) = sentences(result.err)
        assert "a.png" in complaint and named in complaint
        assert files(one.folder) == {"a.png", "m.png"}


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix", "named"),
    [(3, np.uint16, ".jpg", "16"), (3, np.uint16, ".webp", "16"), (4, np.uint8, ".jpg", "transparency")],
)
def test_what_a_format_cannot_hold(one, inpaint, channels, dtype, suffix, named):
    save(one.image, picture(channels=channels, dtype=dtype))
    out = one.folder / f"out{suffix}"
    result = inpaint(one.image, "-m", one.mask, "-o", out, "--compare")
    assert result.code in (1, 2)
    (complaint,) = sentences(result.err)
    assert named in complaint and "PNG" in complaint
    assert files(one.folder) == {"a.png", "m.png"}  # nor a comparison with nothing


@pytest.mark.parametrize("name", ["out.xyz", "out.gif", "out.bmp", "out.pdf", "out.png.", "deep/out"])
def test_results_that_cannot_be_written(one, inpaint, name):
    result = inpaint(one.image, "-m", one.mask, "-o", one.folder / name)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert name in complaint and ".png" in complaint and ".jpg" in complaint
    assert files(one.folder) == {"a.png", "m.png"}
    assert not (one.folder / "deep").exists()


def test_missing_things(one, inpaint):
    (one.folder / "empty").mkdir()
    nowhere = one.folder / "nowhere.png"
    damaged = one.folder / "damaged.safetensors"
    damaged.write_bytes(b"\x10\0\0\0\0\0\0\0{not json")
    before = files(one.folder)
    for arguments, named in (
        ((nowhere, "-m", one.mask), "nowhere.png"),
        ((one.image, "-m", nowhere), "nowhere.png"),
        ((one.folder / "empty", "-m", one.mask), "empty"),
        ((one.folder, "-m", one.folder / "empty"), "empty"),
        ((one.image, "-m", one.mask, "--weights", "magic"), "magic"),
        ((one.image, "-m", one.mask, "--weights", damaged), "damaged.safetensors"),
        ((one.image, "-m", one.mask, "--weights", one.folder / "empty"), "empty"),
    ):
        result = inpaint(*arguments, "-o", one.out, own_weights="--weights" in arguments)
        assert result.code == 2, arguments
        (complaint,) = sentences(result.err)
        assert named in complaint, arguments
        assert files(one.folder) == before, arguments


def test_a_file_where_a_folder_must_be(one, inpaint):
    (one.folder / "file").write_text("mine")
    (one.folder / "photos").mkdir()
    shutil.copy(one.image, one.folder / "photos")
    before = files(one.folder)
    for arguments in ((one.image, "-o", one.folder / "file" / "x.png"), (one.folder / "photos", "-o", one.image)):
        result = inpaint(*arguments, "-m", one.mask)
        assert result.code in (1, 2)
        assert len(sentences(result.err)) == 1
        assert files(one.folder) == before


def test_a_folder_that_cannot_be_written_to(one, inpaint):
    if os.geteuid() == 0:
        place = Path("/proc/self")  # not even the superuser can make a file there
        if not place.is_dir():
            pytest.skip("the superuser may write everywhere")
    else:
        place = one.folder / "locked"
        place.mkdir(mode=0o500)
    for out in (place / "x.png", place / "deep" / "x.png"):
        result = inpaint(one.image, "-m", one.mask, "-o", out)
        assert result.code in (1, 2)
        (complaint,) = sentences(result.err)
        assert "x.png" in complaint or str(place) in complaint
        assert not out.exists()


def test_a_full_disk(own, inpaint, monkeypatch):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out", "--compare")

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        result = inpaint(*arguments)
    assert result.code == 1
    assert result.err.count("No space left") == len(sentences(result.err)) > 0
    assert files(own / "out") == set()
    assert inpaint(*arguments).code == 0
    assert len(files(own / "out")) == 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_written_to_its_end(one, inpaint, suffix):
    arguments = (one.image, "-m", one.mask, "-o", one.folder / f"out{suffix}")
    before = files(one.folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    inpaint(one.image, "-m", one.mask, "-o", one.folder.parent / "first.png")  # compiles; the cache may write
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        result = inpaint(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.code == 1
    assert len(sentences(result.err)) == 1
    assert files(one.folder) == before
    assert inpaint(*arguments).code == 0


# Names and hostile users


def test_names_with_spaces_and_letters_of_the_world(tmp_path, inpaint):
    folder = tmp_path / "Großmutters Fotos 写真"
    image = save(folder / "l'été à Łódź.png", picture())
    mask = save(tmp_path / "маска (1).png", hole())
    out = tmp_path / "neu & schön" / "résultat 1.png"
    assert inpaint(image, "-m", mask, "-o", out).code == 0
    check(picture(), load(out), hole())
    assert inpaint(folder, "-m", mask, "-o", tmp_path / "alle Ö").code == 0
    assert files(tmp_path / "alle Ö") == {"l'été à Łódź.png"}


def test_names_that_are_no_text(tmp_path, inpaint, monkeypatch):
    """As they come from old discs."""
    stderr = io.TextIOWrapper(io.BytesIO(), errors="backslashreplace")  # as the real one, unlike that of pytest
    monkeypatch.setattr(sys, "stderr", stderr)
    folder = tmp_path / "photos"
    save(folder / "a.png", picture())
    save(folder / "b.png", picture(5, 5))
    for name in ("a", "b"):
        try:
            (folder / f"{name}.png").rename(folder / os.fsdecode(name.encode() + b"\xe9.png"))
        except OSError:
            pytest.skip("this file system takes text only")
    result = inpaint(folder, "-m", save(tmp_path / "m.png", hole()), "-o", tmp_path / "out")
    assert result.code == 1
    assert "1 restored, 1 failed" in result.out
    stderr.seek(0)
    assert "b\\udce9.png: the mask" in sentences(stderr.read())[0]
    assert files(tmp_path / "out") == {os.fsdecode(b"a\xe9.png")}


def test_names_that_are_too_long(one, inpaint):
    long = one.folder / f"{'x' * 300}.png"
    for arguments in (
        (long, "-m", one.mask, "-o", one.out),
        (one.image, "-m", long, "-o", one.out),
        (one.image, "-m", one.mask, "-o", long),
        (one.image, "-m", one.mask, "-o", long, "--overwrite"),
        (one.image, "-m", one.mask, "-o", one.folder / f"{'x' * 249}.png", "--compare"),  # the comparison's would be
    ):
        result = inpaint(*arguments)
        assert result.code in (1, 2)
        assert "name too long" in sentences(result.err)[0]
        assert files(one.folder) == {"a.png", "m.png"}


def test_a_folder_named_like_a_picture(one, inpaint):
    folder = one.folder / "x.png"
    save(folder / "a.png", picture())
    assert inpaint(folder, "-m", one.mask, "-o", one.folder / "out").code == 0
    assert files(one.folder / "out") == {"a.png"}
    result = inpaint(one.image, "-m", one.mask, "-o", folder)  # a folder that exists holds the result
    assert result.code == 0 and "skipped" in result.out + result.err
    (folder / "deep.png").mkdir()
    assert inpaint(folder, "-m", one.mask, "-o", one.folder / "more").code == 0
    assert files(one.folder / "more") == {"a.png"}
    (one.folder / "taken" / "a.png").mkdir(parents=True)  # a folder is no finished result
    result = inpaint(folder, "-m", one.mask, "-o", one.folder / "taken")
    assert result.code == 1
    assert "Is a directory" in sentences(result.err)[0]
    assert files(one.folder / "taken") == set()


def test_a_folder_for_one_photograph(one, inpaint):
    (one.folder / "results").mkdir()
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "results").code == 0
    assert files(one.folder / "results") == {"a.png"}
    assert inpaint(one.image, "-m", one.mask, "-o", f"{one.folder}/new/").code in (0, 2)
    assert files(one.folder / "results") == {"a.png"}


def test_a_path_without_a_folder(one, inpaint, monkeypatch):
    monkeypatch.chdir(one.folder)
    assert inpaint("a.png", "-m", "m.png", "-o", "b.png").code == 0
    (one.folder / "in").mkdir()
    shutil.copy(one.image, one.folder / "in")
    monkeypatch.chdir(one.folder / "in")
    assert inpaint(".", "-m", "../m.png", "-o", "../out").code == 0
    assert files(one.folder / "out") == {"a.png"}


def test_links(one, inpaint):
    photos = one.folder / "photos"
    photos.mkdir()
    (photos / "link.png").symlink_to(one.image)
    (photos / "gone.png").symlink_to(one.folder / "nowhere.png")
    (photos / "loop").symlink_to(photos)
    before = state(one.image)
    result = inpaint(photos, "-m", one.mask, "-o", one.folder / "out")
    assert "1 restored" in result.out + result.err
    assert (one.folder / "out" / "link.png").is_file() and not (one.folder / "out" / "link.png").is_symlink()
    if result.code:
        assert "gone.png" in sentences(result.err)[0]
    assert inpaint(photos / "link.png", "-m", one.mask, "-o", one.image).code in (0, 2)
    assert state(one.image) == before
    # An output that is a link to nothing: nothing is written where it points.
    one.out.symlink_to(one.folder / "elsewhere.png")
    inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert not (one.folder / "elsewhere.png").exists()


def test_a_photograph_as_its_own_mask(one, inpaint):
    array = np.where(hole(), 250, picture(channels=1) // 2).astype(np.uint8)
    image = save(one.folder / "white.png", array)
    assert inpaint(image, "-m", image, "-o", one.out).code == 0
    check(array, load(one.out), hole())


def test_photographs_in_the_folder_of_masks_are_not_their_own(own, inpaint):
    for image in (own / "images", own / "images" / "a.png"):
        result = inpaint(image, "-m", own / "images", "-o", own / "out")
        assert result.code == 2
        assert "a.png would be its own mask" in sentences(result.err)[0]


def test_an_output_that_is_closed(one, inpaint, monkeypatch):
    def closed(*_args, **_kwargs):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    monkeypatch.setattr(sys.stdout, "write", closed)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code == 2
    assert "Broken pipe" in sentences(result.err)[0]
    check(picture(), load(one.out), hole())


def test_one_pixel(one, inpaint):
    image = save(one.folder / "1.png", picture(1, 1))
    result = inpaint(image, "-m", save(one.mask, np.zeros((1, 1), bool)), "-o", one.out)
    assert result.code == 0 and one.out.read_bytes() == image.read_bytes()
    result = inpaint(image, "-m", save(one.mask, np.ones((1, 1), bool)), "-o", one.folder / "b.png")
    assert result.code in (1, 2) and len(sentences(result.err)) == 1
    image = save(one.folder / "2.png", picture(1, 2))
    mask = np.array([[True, False]])
    assert inpaint(image, "-m", save(one.mask, mask), "-o", one.folder / "c.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "c.png")[~mask], picture(1, 2)[~mask])


def test_the_suffix_lies(one, inpaint):
    image = one.folder / "photo.jpg"
    shutil.copy(one.image, image)  # a PNG
    assert inpaint(image, "-m", one.mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())
    out = one.folder / "out.jpg"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert opened.format == "JPEG"
    empty = save(one.folder / "empty.png", np.zeros(SIZE, bool))
    assert inpaint(image, "-m", empty, "-o", one.folder / "copy.jpg").code == 0
    with Image.open(one.folder / "copy.jpg") as opened:
        assert opened.format == "JPEG"  # not a copy: what is named .jpg is a JPEG


def test_upper_case_suffixes(one, inpaint):
    image = save(one.folder / "A.JPG", picture())
    mask = save(one.folder / "M.PNG", hole())
    for name in ("B.JPG", "B.PNG", "B.TIFF"):
        assert inpaint(image, "-m", mask, "-o", one.folder / name).code == 0
        assert (one.folder / name).is_file()


def test_holes_wider_than_the_weights_know_are_told_in_words(one, inpaint):
    for name in ("a.png", "b.png"):
        save(one.folder / "photos" / name, picture(150, 150))
    mask = np.zeros((150, 150), bool)
    mask[20:120, 20:120] = True
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as outside the tests
        result = inpaint(one.folder / "photos", "-m", save(one.mask, mask), "-o", one.folder / "out")
    assert result.code == 0
    first, second = result.err.splitlines()
    assert first.startswith("warning: ") and "a.png: holes are about" in first and "24 px" in first
    assert "b.png: holes are about" in second


# Help, versions, and how it is stopped


def test_help(capsys):
    for arguments, named in (
        (["--help"], ["inpaint", "info"]),
        (["inpaint", "--help"], FLAGS),
        (["info", "--help"], ["--help"]),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        out = capsys.readouterr().out
        for name in named:
            assert re.search(rf"(^|[\s│•{{,]){name}\b", out), name
    with pytest.raises(SystemExit):
        main(["inpaint", "--help"])
    entries = re.split(r"\n\W*? (?=-\w|--\w)", capsys.readouterr().out)[1:]
    assert len(entries) == len(FLAGS) - 2  # two have a short form besides -h
    for entry in entries:
        words = re.findall(r"\b[a-zA-Z]{2,}\b", re.sub(r"-[\w-]+|\(default:.*?\)|\(required\)", " ", entry))
        assert len(words) >= 4, entry


def test_versions_devices_and_weights(capsys):
    assert main(["info"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for named in (importlib.metadata.version("pconv_jax"), jax.__version__, "cpu", "faithful", "Python"):
        assert named in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["restore"],
        ["inpaint"],
        ["info", "--wrong"],
        ["inpaint", "a.png", "-m", "m.png"],
        ["inpaint", "a.png", "-m", "m.png", "-o", "b.png", "--wrong"],
        ["inpaint", "a.png", "-m", "m.png", "-o", "b.png", "--dilate", "wide"],
        ["inpaint", "a.png", "--mask-color", "1", "2", "-o", "b.png"],
    ],
)
def test_wrong_flags(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert err


def test_the_installed_script(one, weights):
    process = started("inpaint", one.image, "-m", one.mask, "-o", one.out, "--weights", weights)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "1 restored" in out + err
    assert "\r" not in out + err and "\x1b" not in out + err
    check(picture(), load(one.out), hole())


def until(count, folder, process):
    """Waits until the folder holds so many results."""
    end = time.monotonic() + 60
    while len(list(folder.glob("[0-9]*.png"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def test_stopped_at_any_time_the_same_command_goes_on(tmp_path, weights, inpaint):
    count = 100  # so many that they are not done before the signal comes
    for number in range(count):
        save(tmp_path / "photos" / f"{number:02}.png", picture(200, 240, seed=number))
    mask = save(tmp_path / "m.png", hole(200, 240))
    out = tmp_path / "out"
    arguments = (tmp_path / "photos", "-m", mask, "-o", out)
    before = {}
    for signal_, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = started("inpaint", *arguments, "--weights", weights)
        until(len(before) + 2, out, process)
        process.send_signal(signal_)
        told, complaint = process.communicate(timeout=60)
        assert process.returncode == code
        assert "Traceback" not in told + complaint
        results = sorted(out.glob("[0-9]*.png"))
        assert len(before) + 2 <= len(results) < count
        for path in results:
            check(picture(200, 240, seed=int(path.stem)), load(path), hole(200, 240))
        if signal_ != signal.SIGKILL:
            assert files(out) == {path.name for path in results}
            assert complaint == "interrupted; the same command goes on: finished results are skipped\n"
        assert all(state(path) == known for path, known in before.items())
        before = {path: state(path) for path in results}
    result = inpaint(*arguments)
    assert result.code == 0
    assert f"{count - len(before)} restored" in result.out + result.err
    assert f"{len(before)} skipped" in result.out + result.err
    assert all(state(path) == known for path, known in before.items())
    # Only a kill can leave something behind, hidden and never taken for a photograph.
    assert {name for name in files(out) if name[0] != "."} == {f"{number:02}.png" for number in range(count)}
