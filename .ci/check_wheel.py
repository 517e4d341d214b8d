"""Builds the wheel, checks what is in it, installs it alone in a new environment, and inpaints a photograph there."""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = {
    "pconv_jax/__init__.py",
    "pconv_jax/py.typed",
    "pconv_jax/checkpoints/bundled/README.md",
    "pconv_jax/checkpoints/bundled/faithful.safetensors",
    "pconv_jax/evaluation/lpips_linear.safetensors",
}
ONLY_EXPERIMENTS = ("matplotlib", "tensorboardx")
# Run in the new environment: the result differs from the photograph in the holes, all of them, and nowhere else.
CHECK = """
import sys
import numpy as np
from PIL import Image
import pconv_jax

assert "site-packages" in pconv_jax.__file__, pconv_jax.__file__
before, mask, after = (np.asarray(Image.open(name)) for name in sys.argv[1:])
hole = mask > 0
assert after.shape == before.shape and (after[~hole] == before[~hole]).all()
assert (after[hole] != before[hole]).any(-1).mean() > 0.9
print("pconv_jax", pconv_jax.__version__, "inpaints a photograph from a wheel alone")
"""


def build(folder: Path) -> Path:
    """The wheel of this clone."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    subprocess.run([*pip, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """The library with its weights, types and licence; no tests, no experiments, and what these alone depend on."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        requires = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    missing = NEEDED - names
    assert not missing, f"not in {wheel.name}: {missing}"
    for licence in ("LICENSE", "pconv_jax/evaluation/lpips_linear.LICENSE"):
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in names), f"no {licence} in {wheel.name}"
    strangers = {name.split("/")[0] for name in names} - {"pconv_jax", metadata.split("/")[0]}
    assert not strangers, f"{wheel.name} holds {strangers} beside pconv_jax"
    always = [requirement for requirement in requires if "extra ==" not in requirement]
    unneeded = [requirement for requirement in always if requirement.lower().startswith(ONLY_EXPERIMENTS)]
    assert always, f"{wheel.name} names no dependencies"
    assert not unneeded, f"{wheel.name} always needs {unneeded}, which only experiments use"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        check_contents(wheel)
        venv.create(folder / "venv", with_pip=True)
        programs = folder / "venv" / "bin"
        pip = [programs / "python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
        subprocess.run([*pip, wheel], check=True)

        # From another folder and without the caller's PYTHONPATH, so that the clone is nowhere to be found.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        photograph, mask, result = (
            ROOT / "docs/scratched.jpg",
            ROOT / "docs/scratched_mask.png",
            folder / "restored.png",
        )
        command = [programs / "pconv-jax", "inpaint", photograph, "--mask", mask, "--out", result]
        subprocess.run(command, check=True, cwd=folder, env=environment)
        check = [programs / "python", "-c", CHECK, photograph, mask, result]
        subprocess.run(check, check=True, cwd=folder, env=environment)


if __name__ == "__main__":
    main()
