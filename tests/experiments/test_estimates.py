"""The command that checks estimates against the truth, on photographs of which some tell nothing."""

import json

import numpy as np
import pytest
from restoring import save

from experiments import estimates
from experiments.estimates import Scored, table
from pconv_jax.evaluation.expected import Expected


def mean_fill(image, *, hole):
    """The mean colour of what is not damaged."""
    valid = image if hole.all() else image[~hole]
    return np.where(hole[..., None], np.rint(valid.reshape(-1, 3).mean(0)).astype(np.uint8), image)


# The command shows it as a line, which is what is tested.
pytestmark = pytest.mark.filterwarnings("default:.* is left out")


@pytest.fixture
def check(tmp_path, monkeypatch):
    """The command on photographs of three kinds."""
    monkeypatch.setattr(estimates, "load_generator", lambda _: None)
    monkeypatch.setattr(estimates, "Inpainter", lambda _: mean_fill)
    rng = np.random.default_rng(0)

    def run(*kinds, flags=()):
        for number, kind in enumerate(kinds):
            pixels = np.full((8, 8, 3) if kind == "small" else (96, 96, 3), 255, np.uint8)
            if kind == "noisy":
                pixels = rng.integers(0, 40 * (number + 2), pixels.shape, dtype=np.uint8)
            save(tmp_path / "photos" / f"{kind}{number}.png", pixels)
        return estimates.main(["--data-dir", str(tmp_path / "photos"), *flags])

    return run


def test_flat_and_small_photographs_do_not_end_the_check(check, tmp_path, capsys):
    file = tmp_path / "found.json"
    assert check("noisy", "flat", "small", "noisy", flags=("--json", str(file))) == 0
    out, err = capsys.readouterr()
    (left_out,) = (line for line in err.splitlines() if line.startswith("warning: "))
    assert left_out.startswith("warning: small2.png is left out: ")
    assert "nan" not in out and "inf" not in out.replace("infinite", "")
    assert [line.split("|")[3].strip() for line in out.splitlines() if line.startswith("| PSNR | all")] == ["2"]
    flat = [row for row in json.loads(file.read_text()) if row["photograph"] == "flat1.png" and row["metric"] == "PSNR"]
    assert flat and all(row["truth"] is None and row["expected"]["value"] is None for row in flat)


def test_an_infinite_estimate_is_left_out_and_counted():
    estimated = [Expected(20.0, 19.0, 21.0), Expected(22.0, None, None), Expected(float("inf"), None, None)]
    rows = [Scored("a", "all", "PSNR", 20.0 + place, each) for place, each in enumerate(estimated)]
    *_, line, _, note = table(rows).splitlines()
    assert line == "| PSNR | all | 2 | 20.50 | 21.00 | 1.00 | 0.50 | 0.50 | 100% | 1.00 |"
    assert note == "1 of 3 scores or estimates are infinite or unknown, left out"
    assert "| - | - |" in table([rows[1], Scored("b", "all", "PSNR", 23.0, Expected(21.0, None, None))])


@pytest.mark.parametrize(
    ("kinds", "flags", "message"),
    [
        (("noisy",), (), "photos has 1 photographs to estimate, but a correlation needs at least 2"),
        (("noisy", "small"), (), "photos has 1 photographs to estimate"),
        ((), ("--seed", "-1"), "--seed is -1, but it must be at least 0"),
        ((), ("--limit", "1"), "--limit is 1"),
        ((), ("--json", "."), "--json . is a folder: give the name of a file"),
    ],
)
def test_mistakes(check, capsys, kinds, flags, message):
    assert check(*kinds, flags=flags) == 2
    assert message in capsys.readouterr().err
