"""What `import pconv_jax` offers: complete, documented, typed, and loaded when it is used."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pconv_jax

ROOT = Path(__file__).resolve().parent.parent


def static_names():
    """What type checkers see: the names under TYPE_CHECKING, each exported explicitly (`X as X`)."""
    tree = ast.parse(Path(pconv_jax.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    for statement in block.body:
        for alias in statement.names:
            assert alias.asname == alias.name, ast.unparse(statement)
            yield alias.name, statement.module


def test_what_is_typed_is_what_is_loaded_and_listed():
    homes = {name: f"pconv_jax.{home}" for name, home in pconv_jax._MODULES.items()}
    assert dict(static_names()) == homes
    assert sorted({*homes, "__version__"}) == sorted(pconv_jax.__all__)
    assert set(pconv_jax.__all__) <= set(dir(pconv_jax))


@pytest.mark.parametrize("name", pconv_jax.__all__)
def test_every_public_name_is_there_and_says_what_it_needs(name):
    thing = getattr(pconv_jax, name)
    if not callable(thing):  # a constant
        return
    texts = [inspect.getdoc(thing)]
    if inspect.isclass(thing):
        texts += [
            inspect.getdoc(method)
            for key, method in vars(thing).items()
            if inspect.isroutine(method) or isinstance(method, classmethod)
            if not key.startswith("_") or key == "__init__"
        ]
    for text in texts:
        assert text, name
        summary = text.splitlines()[0]
        assert re.search(r"[.:;]$", summary), summary
    described = "\n".join(filter(None, texts))
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    function = thing.__init__ if inspect.isclass(thing) else thing
    needed = [each for each in inspect.signature(function).parameters if each != "self"]
    assert [each for each in needed if not re.search(rf"^\s*{each}: ", described, re.MULTILINE)] == []
    if not inspect.isclass(thing):
        assert "Returns:" in described and "Raises:" in described


def test_a_version_and_names_that_are_gone():
    assert re.fullmatch(r"\d+\.\d+\.\d+", pconv_jax.__version__)
    for old, new in pconv_jax._RENAMED.items():
        with pytest.raises(AttributeError, match=f"use pconv_jax.{new}"):
            getattr(pconv_jax, old)
        thing = pconv_jax
        for part in new.split("."):
            thing = getattr(thing, part)
    public_before = {"GENERATORS", "Generator", "GeneratorConfig", "PyramidConfig", "PyramidGenerator"}  # of 0.1.0
    assert set(pconv_jax._RENAMED) == public_before | {"Restorer", "restore", "widest_closed_line"}
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = pconv_jax.nonsense


def test_the_package_says_that_it_is_typed():
    assert Path(pconv_jax.__file__).with_name("py.typed").is_file()


def test_import_loads_neither_jax_nor_numpy():
    code = "import sys, pconv_jax; print(*{'jax', 'flax', 'numpy', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


USER = """\
import jax
import numpy as np
from flax import nnx

import pconv_jax

image, hole = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool)
reveal_type(pconv_jax.inpaint(image, hole=hole))
inpainter = pconv_jax.Inpainter.from_pretrained("faithful")
reveal_type(inpainter)
reveal_type(pconv_jax.Inpainter.from_run("runs/samples", step=3))
reveal_type(inpainter(jax.numpy.asarray(image), ~hole * 1.0))
conv = pconv_jax.PartialConv(3, 8, rngs=nnx.Rngs(0))
reveal_type(conv)
x, mask = jax.numpy.ones((1, 8, 8, 3)), jax.numpy.ones((1, 8, 8, 1))
reveal_type(conv(x, mask))
reveal_type(pconv_jax.partial_conv(x, mask, conv.kernel[...]))
reveal_type(pconv_jax.PaperConfig(widths=(4,)).build(rngs=nnx.Rngs(0)))
reveal_type(pconv_jax.__version__)
pconv_jax.inpaint("photo.jpg", hole=hole)
pconv_jax.nonsense
"""
REVEALED = [
    r"numpy\.ndarray\[.*numpy\.unsignedinteger.*\]",
    r"pconv_jax\.inpainting\.inpainter\.Inpainter",
    r"pconv_jax\.inpainting\.inpainter\.Inpainter",
    r"jax\.Array|jax\._src\.basearray\.Array",
    r"pconv_jax\.layers\.PartialConv",
    r"tuple\[jax\.Array, jax\.Array\]|tuple\[jax\._src\.basearray\.Array, jax\._src\.basearray\.Array\]",
    r"tuple\[jax\.Array, jax\.Array\]|tuple\[jax\._src\.basearray\.Array, jax\._src\.basearray\.Array\]",
    r"pconv_jax\.models\.paper\.PaperGenerator",
    r"(builtins\.)?str",
]


def test_a_type_checker_sees_real_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    # As in an installed package, whose own errors are not the user's. A third of the time would go into what JAX shows
    # its arrays with in notebooks, and matplotlib, which are no part of any public type.
    follow = {"pconv_jax.*": "silent", "IPython.*,matplotlib.*,rich.*": "skip"}
    sections = (f"[mypy-{modules}]\nfollow_imports = {way}\n" for modules, way in follow.items())
    (tmp_path / "mypy.ini").write_text("[mypy]\n" + "".join(sections))
    flags = ["--strict", "--no-error-summary", "--cache-dir", str(ROOT / ".cache" / "mypy"), "user.py"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(found) == len(REVEALED), done.stdout + done.stderr
    for type_, expected in zip(found, REVEALED, strict=True):
        assert re.fullmatch(expected, type_), done.stdout
    errors = re.findall(r"user\.py:(\d+): error: .*\[(.*)\]", done.stdout)
    lines = USER.splitlines()
    assert errors == [(str(len(lines) - 1), "type-var"), (str(len(lines)), "attr-defined")], done.stdout
