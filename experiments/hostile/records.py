"""Settings and metrics of a run, and receipts of restorations."""

import json
from pathlib import Path

import numpy as np

from experiments.hostile.doors import Door, Fault, library, run
from experiments.hostile.mutations import mutated, mutated_text
from experiments.hostile.pictures import MASK, PHOTOGRAPH, WEIGHTS, prepare_photograph
from experiments.train.config import Config
from experiments.train.run_folder import read_config, read_losses
from pconv_jax.cli.main import main
from pconv_jax.imaging import read_photograph

_RESULT = "restored.png"
_RECEIPT, _ORIGINAL = f"{_RESULT}.receipt.json", f"{_RESULT}.original.png"
_OUTSIDE = "../guard.png"  # beside the folder of the case
_NAMES = (_OUTSIDE, "../../guard.png", "/etc/passwd", ".", "..", "", "\0", "\ud800", "a" * 300, _RECEIPT, _RESULT)


def _prepare_settings(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(Config().to_json()), encoding="utf-8")


def _damage_settings(rng: np.random.Generator, folder: Path) -> str:
    path = folder / "config.json"
    path.write_bytes(mutated_text(rng, path.read_text(encoding="utf-8")))
    return "settings"


def _enter_settings(folder: Path, out: Path) -> None:
    with library():
        read_config(folder).check()


def _prepare_metrics(folder: Path) -> None:
    rows = [{"step": step, "generator_loss": 1 / step, "pixel": 0.5} for step in range(1, 9)]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _damage_metrics(rng: np.random.Generator, folder: Path) -> str:
    path = folder / "metrics.jsonl"
    lines = path.read_bytes().splitlines()
    chosen = rng.integers(len(lines))
    lines[chosen] = mutated_text(rng, lines[chosen].decode())
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return f"line {chosen + 1}"


def _enter_metrics(folder: Path, out: Path) -> None:
    with library():
        read_losses(folder)


def _prepare_receipt(folder: Path) -> None:
    prepare_photograph(folder)
    image = folder / f"{PHOTOGRAPH}.png"
    flags: list[str | Path] = [
        "--mask",
        folder / MASK,
        "--weights",
        folder / WEIGHTS,
        "-o",
        folder / _RESULT,
        "--receipt",
    ]
    run(main, ["inpaint", image, *flags])


def _damage_receipt(rng: np.random.Generator, folder: Path) -> str:
    (folder.parent / "guard.png").write_bytes((folder / _ORIGINAL).read_bytes())
    way = ("values", "values", "name", "name", "bytes", "original", "result", "link")[rng.integers(8)]
    path = folder / _RECEIPT
    if way == "name":
        content = json.loads(path.read_text(encoding="utf-8"))
        section = ("originals", "originals", "input", "result")[rng.integers(4)]
        content[section]["file"] = _NAMES[rng.integers(len(_NAMES))]
        if rng.random() < 0.5:
            content["originals"]["holds"] = "the input file"
        path.write_bytes(json.dumps(content).encode("utf-8", "surrogatepass"))
    elif way == "values":
        path.write_bytes(mutated_text(rng, path.read_text(encoding="utf-8")))
    elif way == "link":
        (folder / _ORIGINAL).unlink()
        (folder / _ORIGINAL).symlink_to(_ORIGINAL if rng.random() < 0.5 else "/dev/zero")
    else:
        file = {"bytes": path, "original": folder / _ORIGINAL, "result": folder / _RESULT}[way]
        file.write_bytes(mutated(rng, file.read_bytes()))
    return way


def _enter_receipt(folder: Path, out: Path) -> None:
    back = out / "back.png"
    run(main, ["undo", folder / _RESULT, "-o", back])
    with library():
        undone, before = read_photograph(back), read_photograph(folder / f"{PHOTOGRAPH}.png")
    if undone.pixels.shape != before.pixels.shape or (undone.pixels != before.pixels).any():
        raise Fault("undo did not bring the pixels back")


DOORS = (
    Door("settings", _prepare_settings, _damage_settings, _enter_settings),
    Door("metrics", _prepare_metrics, _damage_metrics, _enter_metrics),
    Door("receipts", _prepare_receipt, _damage_receipt, _enter_receipt),
)
