"""Command lines: names of every kind, values that no flag can have, flags that contradict each other."""

import os
from pathlib import Path

import numpy as np

from experiments.hostile.doors import Door, Fault, run
from experiments.hostile.pictures import MASK, PHOTOGRAPH, WEIGHTS, prepare_photograph
from pconv_jax.cli.main import main
from pconv_jax.imaging import read_photograph

_HERE = "here"  # folder in that of the output where the command runs, so that what it writes beside it is output too
_GIVEN = "../../in"
_NAMES = (
    *("", ".", "..", "/", "-", "--", "-o", "~", "~nobody/x", "\0", "a\nb.png", "\x1b[2J.png", "\udcff.png", "a" * 300),
    *("/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/proc/self/environ", "/etc/passwd"),
    *(f"{_GIVEN}/pipe", f"{_GIVEN}/loop", f"{_GIVEN}/{MASK}/x.png", "missing/x.png", "http://127.0.0.1/x.png"),
    *("x.png.exe", "*.png", "$HOME", "auto", "none.tif"),
)
_NUMBERS = ("nan", "inf", "-inf", "-1", "0", "1e999", "9" * 400, "0x10", "１", "1_0", "", "1,5", "None", "True", "--")
_FLAGS = (
    *("--dilate", "--quality", "--max-megapixels", "--grain", "--mask-threshold", "--sensitivity", "--mask-color"),
    *("--compare", "--overwrite", "--receipt", "--linear", "--best", "--mask-alpha", "--invert-mask", "--keep-detail"),
    *("--weights", "--vgg-weights", "--unknown", "--mask", "--receipt=", "-m", "-o", "--help", "--tones", "--auto"),
)
_SUBCOMMANDS = ("inpaint", "inpaint", "inpaint", "undo", "detect", "info", "", "Inpaint", "--version")
_LINE = "line.txt"


def _prepare(folder: Path) -> None:
    prepare_photograph(folder)
    (folder / _LINE).write_text("\n".join(_good()), encoding="utf-8")


def _good() -> list[str]:
    image, mask, weights = (f"{_GIVEN}/{name}" for name in (f"{PHOTOGRAPH}.png", MASK, WEIGHTS))
    return ["inpaint", image, "--mask", mask, "--weights", weights, "--out", "../result.png"]


def _damage(rng: np.random.Generator, folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    line = _good()
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(line)))
        value = str(rng.choice(_NAMES if rng.random() < 0.6 else _NUMBERS))
        way = rng.integers(5)
        if way == 0:
            line[0] = str(rng.choice(_SUBCOMMANDS))
        elif way == 1:
            line[place] = value
        elif way == 2:
            line[place:place] = [str(rng.choice(_FLAGS)), value]
        elif way == 3:
            line[place:place] = [str(rng.choice(_FLAGS))]
        elif len(line) > 1:
            del line[place]
    (folder / _LINE).write_bytes("\n".join(repr(each) for each in line).encode())
    return " ".join(map(repr, line))


def _enter(folder: Path, out: Path) -> None:
    import ast

    text = (folder / _LINE).read_text(encoding="utf-8").split("\n")
    line = [ast.literal_eval(each) if each[:1] in ("'", '"') else each for each in text]
    before = Path.cwd()
    (out / _HERE).mkdir()
    os.chdir(out / _HERE)
    try:
        run(main, line)
    finally:
        os.chdir(before)
    if (out / "result.png").is_file():
        pixels = read_photograph(out / "result.png").pixels
        if pixels.shape[:2] != read_photograph(folder / f"{PHOTOGRAPH}.png").pixels.shape[:2]:
            raise Fault(f"the result is of another size: {pixels.shape}")


DOORS = (Door("command-lines", _prepare, _damage, _enter, seconds=30),)
