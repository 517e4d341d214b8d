"""What tests of `pconv-jax detect` share: the command with the detector of pale pixels, and photographs with lines."""

import types

import numpy as np
import pytest
from detectors import pale_detector, scratched
from restoring import picture, save

from pconv_jax.checkpoints.detector_file import save_detector
from pconv_jax.cli import finding
from pconv_jax.cli.main import main


@pytest.fixture
def detect(tmp_path, capsys):
    """Runs the command with the detector of pale pixels; whatever happens, the user sees sentences."""
    finding._detector.cache_clear()
    save_detector(tmp_path / "pale.safetensors", pale_detector())

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main(["detect", *map(str, arguments), "--detector", str(tmp_path / "pale.safetensors")])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return types.SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def photos(tmp_path):
    """A folder of three photographs, two of them with a line, and the lines."""
    folder, lines = tmp_path / "photos", {}
    for number, name in enumerate(("a.png", "deep/b.jpg", "c.tif")):
        damaged, line = scratched(picture(seed=number))
        lines[name] = line if number < 2 else np.zeros_like(line)
        save(
            folder / name,
            damaged if number < 2 else picture(seed=number),
            **{"quality": 100, "subsampling": 0} if number == 1 else {},
        )
    return types.SimpleNamespace(folder=folder, lines=lines, out=tmp_path / "masks")
