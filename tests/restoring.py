"""What the tests of the command share: pictures and masks, files, the installed script, what it says."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import jax
import numpy as np
import tifffile
from PIL import Image, ImageCms

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(sys.executable).with_name("pconv-jax")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIZE = (40, 50)
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF", ".webp": "WEBP"}


def started(*arguments, **environment):
    """The installed script as a process of its own."""
    # What it compiles is kept with what the tests do, and for the next time.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_NUM_CPU_DEVICES": str(jax.device_count()),  # or it would not find the programs of the tests
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Tests that run in the background of a shell ignore SIGINT, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen([SCRIPT, *map(str, arguments)], env={**os.environ, **cache, **environment}, **pipes)
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


def receipt_of(path):
    """Of a result of the command."""
    return json.loads(path.with_name(f"{path.name}.receipt.json").read_text())
