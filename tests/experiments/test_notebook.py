"""The notebook: clean in the repository, and every cell runs on a finished run."""

import ast
import json
import os
import sys
import tempfile
from pathlib import Path

import jax
import nbformat
import numpy as np
import pytest
from evaluations import generator
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "evaluation.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook, kind):
    """What all cells displayed of one media type."""
    found = (output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs)
    return [data[kind] for data in found if kind in data]


def add_cell(notebook, source):
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    return notebook.cells[-1]


def test_repository_copy_is_clean(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    cells = code_cells(notebook)
    assert cells
    for cell in cells:
        assert cell.outputs == [] and cell.execution_count is None
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not any(isinstance(node, defined) for node in ast.walk(ast.parse(cell.source)))


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_the_first_cell_finds_the_repository_and_asks_for_a_run(notebook, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(ROOT / folder)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(ROOT))])
    monkeypatch.setenv("PCONV_JAX_RUN", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere holds no run: run `make run` in "):
        exec(code_cells(notebook)[0].source, {})
    assert sys.path[0] == os.getcwd() == str(ROOT)


@pytest.mark.parametrize(("masks", "counted"), [("lines", True), ("centre", False)])
def test_lines_are_counted_where_the_masks_are_lines(notebook, tmp_path, monkeypatch, masks, counted):
    run = generator(tmp_path / "run")
    (run / "config.json").write_text(json.dumps({"masks": masks, "line_count": [2, 3]}))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cell = {"RUN": run, "Path": Path}  # of the first cell
    exec(code_cells(notebook)[1].source, cell)
    assert cell["facts"]["masks"] == masks
    assert (cell["facts"].get("lines in an image") == "2 to 3") == counted


def test_runs_from_top_to_bottom(notebook, finished, tmp_path, monkeypatch):
    # Below the notebook's own cells: which Python it was, and the last section again on two files, white = hole.
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    white = np.zeros((40, 30), np.uint8)
    white[18:20] = 255
    files = {name: tmp_path / f"{name.lower()}.png" for name in ("IMAGE_FILE", "MASK_FILE", "RESTORED_FILE")}
    Image.fromarray(pixels).save(files["IMAGE_FILE"])
    Image.fromarray(white).save(files["MASK_FILE"])
    # Less of its photograph: one size of windows, which other tests compile too, instead of four.
    shown = code_cells(notebook)[-2]
    assert "[20:276, 100:356]" in shown.source
    shown.source = shown.source.replace("[20:276, 100:356]", "[20:68, 100:148]")
    lines = "\n".join(cell.source for cell in code_cells(notebook)[-2:]).splitlines()
    named = [line.partition(" = ")[0] for line in lines]
    for name, path in files.items():
        lines[named.index(name)] = f"{name} = {str(path)!r}"
    python = add_cell(notebook, "print(sys.executable)")
    add_cell(notebook, "\n".join(lines))

    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    environment = {
        "PCONV_JAX_RUN": finished,
        "PCONV_JAX_LIMIT": 2,
        "JAX_PLATFORMS": "cpu",
        # As for the tests, and so with their programs.
        "JAX_COMPILATION_CACHE_DIR": ROOT / ".cache" / "jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0.2,
        "JAX_NUM_CPU_DEVICES": jax.device_count(),
        "TMPDIR": tmp_path,
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime",
        "JUPYTER_PREFER_ENV_PATH": 1,  # the kernel that was installed with the tests, not one of the user's
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources=where).execute()  # raises where a cell does

    assert python.outputs[0].text.strip() == sys.executable
    assert not [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"]
    assert len(outputs(notebook, "image/png")) == 10  # best to worst, seven figures, and the last section twice
    tables = [text for text in outputs(notebook, "text/markdown") if "| --" in text]
    assert any("biharmonic" in table and "PSNR (dB)" in table for table in tables)
    assert any("model less classical method" in table for table in tables)
    assert any("**total**" in table for table in tables)
    with Image.open(files["RESTORED_FILE"]) as restored:
        same = (np.asarray(restored) == pixels).all(axis=-1)
    assert same[white == 0].all()
    assert not same[white == 255].all()
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()} == before
