"""The notebook: clean in the repository, and every cell runs on a finished run."""

import ast

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

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


def test_runs_from_top_to_bottom(notebook, finished, tmp_path, monkeypatch):
    before = sorted(finished.rglob("*"))
    environment = {
        "PCONV_JAX_RUN": finished,
        "PCONV_JAX_LIMIT": 2,
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": ROOT / ".cache" / "jax",
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources=where).execute()  # raises where a cell does
    assert not [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"]
    assert len(outputs(notebook, "image/png")) >= 7
    tables = [text for text in outputs(notebook, "text/markdown") if "| --" in text]
    assert any("biharmonic" in table and "PSNR (dB)" in table for table in tables)
    assert any("**total**" in table for table in tables)
    assert sorted(finished.rglob("*")) == before
