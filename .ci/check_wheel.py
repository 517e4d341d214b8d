"""Builds sdist and wheel, checks what is in them, installs the wheel alone, and inpaints a photograph with it."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENCES = (
    "LICENSE",
    "pconv_jax/evaluation/dists_weights.LICENSE",
    "pconv_jax/losses/lpips_linear.LICENSE",
)
ONLY_EXPERIMENTS = ("matplotlib", "tensorboardx")
MOST_BYTES = 40 * 2**20  # of the wheel and of the sdist: weights that ship are the most of them
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


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist of this clone, and the wheel that is built from the sdist alone."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, stdout=subprocess.DEVNULL)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def contents(wheel: Path) -> dict[str, str]:
    """Hash of each file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def check_same(sdist: Path, wheel: Path, folder: Path) -> None:
    """The wheel of the sdist is the wheel of the clone."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "direct", ROOT]
    subprocess.run(pip, check=True)
    (direct,) = (folder / "direct").glob("*.whl")
    one, other = contents(wheel), contents(direct)
    differing = sorted(name for name in one | other if one.get(name) != other.get(name))
    assert not differing, f"the wheel of {sdist.name} is not that of the clone: {differing[:5]}"


def library_files() -> set[str]:
    """What the wheel has to hold of the package: all of it."""
    files = (path for path in (ROOT / "pconv_jax").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def check_contents(wheel: Path) -> None:
    """The library with its weights, types and licences, and nothing else; only what it always needs as dependencies."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        requires = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    about = metadata.removesuffix("METADATA")
    expected = library_files()
    expected |= {f"{about}{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    expected |= {f"{about}licenses/{licence}" for licence in LICENCES}
    assert names == expected, f"{wheel.name} lacks {expected - names} and holds {names - expected} besides"
    always = [requirement for requirement in requires if "extra ==" not in requirement]
    unneeded = [requirement for requirement in always if requirement.lower().startswith(ONLY_EXPERIMENTS)]
    assert always, f"{wheel.name} names no dependencies"
    assert not unneeded, f"{wheel.name} always needs {unneeded}, which only experiments use"


def check_sdist(sdist: Path) -> None:
    """The library, its tests and documents, and nothing that git ignores."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = {
        *library_files(),
        *LICENCES,
        "pyproject.toml",
        "README.md",
        "tests/conftest.py",
        "constraints.txt",
    } - names
    assert not missing, f"{sdist.name} lacks {missing}"
    strangers = {name for name in names if name.startswith((".venv", ".cache", "runs/", "dist/", "../", "/"))}
    assert not strangers, f"{sdist.name} holds {sorted(strangers)[:5]}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        check_contents(wheel)
        check_sdist(sdist)
        check_same(sdist, wheel, folder)
        for path in (sdist, wheel):
            size = path.stat().st_size
            assert size <= MOST_BYTES, f"{path.name} has {size:,} bytes, and {MOST_BYTES:,} are the most"
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", sdist, wheel], check=True)
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
