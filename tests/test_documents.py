"""What the documents promise: their Python runs as written, and the commands, flags, names and files in them exist."""

import pkgutil
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args
from unittest import mock

import numpy as np
import pytest
import tifffile
import tyro
from documents import CARD, COMMANDS, DOCUMENTS, FLAG, ROOT, blocks, code_spans, command_of, flags, shell_lines, text
from PIL import Image

import pconv_jax
from experiments.evaluate.options import Options
from experiments.paper_figures import Flags
from experiments.run import parse
from experiments.train.presets import PRESETS
from experiments.train.sections import generator_configs
from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.cli.main import main
from pconv_jax.data.damage import LineShape, MaskKind
from pconv_jax.losses import LOSSES
from pconv_jax.models import NETWORKS
from pconv_jax.training.sharding import Strategy

OTHERS = {
    "--extra",
    "--update",
    "--constraint",
    "--ntasks",
    "--strict",
    "--short",
    "--resolution",
}  # flags of other programs that documents mention
FOLDERS = ("pconv_jax", "experiments", "tests", "docs", "notebooks", ".ci")


@pytest.fixture
def clone(tmp_path, monkeypatch, finished):
    """A folder that looks like the clone after `make run`, with a small part of its example, and a film scan."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "runs").mkdir()
    for name, folder in (("scratched.jpg", "photos"), ("scratched_mask.png", "masks")):
        (tmp_path / folder).mkdir()
        part = Image.open(ROOT / "docs" / name).crop((200, 200, 288, 264))
        for place in (tmp_path / "docs" / name, tmp_path / folder / f"a{Path(name).suffix}"):
            part.save(place)
    (tmp_path / "runs" / "samples").symlink_to(finished)
    scan = np.full((96, 128, 4), 200, np.uint8)
    scan[40:44, 50:60, 3] = 50  # a speck that only the infrared channel shows
    scan[0, 0, 3] = 199  # two values alone would be a mask
    tifffile.imwrite(tmp_path / "scan.tif", scan, photometric="rgb", extrasamples=["unspecified"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if blocks(document, "python")])
def test_python_of_a_document_runs_as_written(document, clone):
    names: dict[str, object] = {}
    with mock.patch.dict(NETWORKS):  # a page adds a network of its own
        for block in blocks(document, "python"):
            exec(compile(block, document, "exec"), names)
    if document in ("README.md", "docs/restore.md"):
        assert names["restored"].size == names["image"].size
    if document == "README.md":
        assert 0.02 < names["hole"].mean() < 0.2  # the scratches in that part of the example
    if document in ("README.md", "docs/how-it-works.md"):
        assert names["y"].shape == (1, 32, 32, 16)
        assert (np.asarray(names["updated_mask"]) == 0).sum() == 4 * 32  # of ten rows, those that no window can fill
    if document == "docs/infrared.md":
        assert names["damage"].hole()[40:44, 50:60].all()
        assert names["restored"].shape == names["photograph"].pixels.shape


def test_documents_for_users_have_python():
    assert len(blocks("README.md", "python")) == 2
    assert len(blocks(CARD, "python")) == 1
    assert len(blocks("docs/extend.md", "python")) >= 5


def run_commands(document: str) -> set[str]:
    """Runs the commands `pconv-jax` of a guide, one after the other, and returns which they are."""
    commands = [words for block in blocks(document, "sh") for words in shell_lines(block)]
    ours = [words[1:] for words in commands if words[0].endswith("pconv-jax")]
    for arguments in ours:
        assert main(arguments) == 0, arguments
    return {name for name, *_ in ours}


def test_commands_of_the_guide_to_infrared_channels_run_as_written(clone):
    assert run_commands("docs/infrared.md") == {"detect", "inpaint"}
    hole = np.asarray(Image.open("mask.png")) > 0
    assert hole[40:44, 50:60].all()
    before, after = (tifffile.imread(name)[..., :3] for name in ("scan.tif", "restored.tif"))
    assert (before == after)[~hole].all()


def test_commands_of_the_guide_to_restoring_run_as_written(clone, capsys):
    assert run_commands("docs/restore.md") == {"info", "inpaint", "undo"}
    assert (clone / "coffee.jpg.compare.jpg").exists()
    assert (clone / "restored" / "a.jpg").exists()
    assert (np.asarray(Image.open("original.png")) == np.asarray(Image.open("docs/scratched.jpg"))).all()
    assert "PSNR" in capsys.readouterr().out  # of --estimate


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_their_flags_exist(document):
    makefile = text("Makefile")
    for words in (words for block in blocks(document, "sh") for words in shell_lines(block)):
        if words[0] == "make":
            for word in words[1:]:
                name, is_option, _ = word.partition("=")
                assert re.search(rf"^{name}\s*\?=" if is_option else rf"^{name}:", makefile, re.MULTILINE), words
            continue
        command = command_of(words)
        if command is None:
            if words[0] == "python" and words[1] != "-m":
                assert (ROOT / words[1]).is_file(), f"{document}: {words}"
                continue
            if words[0] in {"git", "cd", "npm", "pip", "pre-commit", "rm"}:
                continue
            assert "-m" in words, f"{document}: {words}"
            module = words[words.index("-m") + 1]
            assert module in {"pytest", "ruff", "mypy", "http.server", "venv", "pip", "build", "twine"}, (
                f"{document}: {words}"
            )
            continue
        unknown = set(FLAG.findall(" ".join(words))) - flags(command)
        assert not unknown, f"{document}: {command} has no {unknown}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_values_of_flags_in_commands_exist(document):
    for words in (words for block in blocks(document, "sh") for words in shell_lines(block)):
        command, arguments = command_of(words), words[words.index("-m") + 2 :] if "-m" in words else []
        if arguments == ["--help"]:
            continue
        if command == "python -m experiments.run":
            parse(arguments)  # exits where a value is none of the choices
        elif command == "python -m experiments.evaluate":
            tyro.cli(Options, args=arguments)
        elif command == "python -m experiments.paper_figures":
            tyro.cli(Flags, args=arguments)


def test_values_of_flags_in_the_guide_to_training_exist():
    """`--flag one`, `two`: each of them is one of the flag's choices."""
    choices = {
        "preset": set(PRESETS),
        "generator": set(generator_configs()),
        "losses": set(LOSSES),
        "masks": set(get_args(MaskKind)),
        "line-shape": set(get_args(LineShape)),
        "mapping": set(get_args(Strategy)),
    }
    for name, known in choices.items():
        (first, others), *_ = re.findall(rf"`--{name} ([\w-]+)`((?:, `\w[\w-]*`)+)", text("docs/train.md"))
        listed = {first, *re.findall(r"\w[\w-]*", others)}
        assert listed <= known, f"--{name} has no {listed - known}"


@pytest.mark.parametrize("document", ["README.md", CARD, "docs/paper.md", "CHANGELOG.md"])
def test_documents_name_the_bundled_weights(document):
    others = set(bundled_weights()) - {"faithful"}
    assert others and others <= set(code_spans(document))


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_flags_in_the_text_exist(document):
    known = OTHERS.union(*(flags(command) for command in COMMANDS))
    unknown = {flag for span in code_spans(document) for flag in FLAG.findall(span)} - known
    assert not unknown, f"{document} names {unknown}, which no command has"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document):
    for span in code_spans(document):
        if re.fullmatch(rf"({'|'.join(map(re.escape, FOLDERS))})/[\w./-]*", span):
            assert (ROOT / span).exists(), f"{document} names {span}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_of_the_library_exist(document):
    for span in code_spans(document):
        name = re.match(r"(pconv_jax|experiments)(\.\w+)+", span)
        if name is not None:
            pkgutil.resolve_name(name[0])  # raises where nothing has this name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_calls_in_the_text_need_no_other_import(document):
    for span in code_spans(document):
        for name in re.findall(r"pconv_jax\.([\w.]+)\(", span):
            assert name.split(".")[0] in pconv_jax.__all__, f"{document} calls pconv_jax.{name} without its module"
        for module, name in re.findall(r"from (pconv_jax[\w.]*) import (\w+)", span):
            pkgutil.resolve_name(f"{module}:{name}")


def test_every_folder_is_in_the_list_of_folders():
    listing = re.search(r"^    pconv_jax/.*?(?=\n\n)", text("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)[0]
    rows = [re.match(r"( +)(\S+)", line).groups() for line in listing.splitlines()]
    listed = {name for indent, name in rows if len(indent) == 6}
    there = {f"{path.name}/" if path.is_dir() else path.name for path in (ROOT / "pconv_jax").iterdir()}
    assert listed == there - {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}
    assert len(listed) <= 16
    top = {name for indent, name in rows if len(indent) == 4}
    assert top == {"pconv_jax/", "experiments/", "tests/", "notebooks/", "docs/"}


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_lists_its_targets_and_compares_weights_of_ones_own_beside_the_others():
    def make(*arguments: str) -> str:
        return subprocess.run(["make", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    targets = set(re.search(r"^\.PHONY: (.*)", text("Makefile"), re.MULTILINE)[1].split())
    shown = make("help")
    assert targets == set(re.findall(r"^make ([\w-]+)  ", shown, re.MULTILINE)) and "EXTRAS=" in shown
    scored = re.findall(r"--methods (.*?) --out", make("-n", "comparison", "METHODS=my.safetensors"))
    assert len(scored) == 3 and all({"faithful", "my.safetensors"} <= set(each.split()) for each in scored)


def test_the_version_is_the_same_everywhere():
    version = pconv_jax.__version__  # and by pyproject.toml that of the package
    assert re.search(r"^version: (.+)$", text("CITATION.cff"), re.MULTILINE)[1] == version
    assert re.search(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)[1] == version
