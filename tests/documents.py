"""The documents of the project, and what stands in them: blocks, code spans, commands and the flags of these."""

import contextlib
import functools
import io
import re
import runpy
import shlex
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CARD = "pconv_jax/checkpoints/bundled/README.md"
DETECTOR_CARD = "pconv_jax/checkpoints/bundled/detectors/README.md"
PAGES = tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))
DOCUMENTS = (
    *("README.md", CARD, DETECTOR_CARD),
    *("CONTRIBUTING.md", "experiments/STUDIES.md", "experiments/PERFORMANCE.md", *PAGES),
)
COMMANDS = {
    "pconv-jax inpaint": ("pconv_jax", "inpaint"),
    "pconv-jax detect": ("pconv_jax", "detect"),
    "pconv-jax undo": ("pconv_jax", "undo"),
    "pconv-jax info": ("pconv_jax", "info"),
    "pconv-jax page": ("pconv_jax", "page"),
    **{
        f"python -m experiments.{name}": (f"experiments.{name}",)
        for name in (
            "run",
            "export",
            "evaluate",
            "compare",
            "studies",
            "paper_figures",
            "performance",
            "detector",
            "detection_scores",
            "estimates",
            "damage_statistics",
            "infrared_scores",
            "half_transparent",
            "browser_demo",
            "hostile",
            "performance.interruptions",
            "performance.accelerator",
        )
    },
}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@functools.cache
def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a language that are fenced, in lists too; commands that are only indented are shell."""
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text(document), re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?<=\n\n)    (?:\S+/)?(?:python -m|pconv-jax|make) .*\n", text(document))
    return [textwrap.dedent(block) for _, block in fenced] + (indented if language == "sh" else [])


def code_spans(document: str) -> list[str]:
    """What stands between backticks outside of blocks."""
    outside = re.sub(r"^( *)```.*?^\1```", "", text(document), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", outside)


def shell_lines(block: str) -> list[list[str]]:
    """The commands of a shell block, split into words; comments left out, continued lines joined."""
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def command_of(words: list[str]) -> str | None:
    """The key in COMMANDS of a line, or None for another program."""
    program, *rest = words
    program = program.removeprefix(".venv/bin/")
    name = f"pconv-jax {rest[0]}" if program == "pconv-jax" else f"{program} -m {rest[1]}" if rest[:1] == ["-m"] else ""
    return name if name in COMMANDS else None


@functools.cache
def flags(command: str) -> frozenset[str]:
    """The flags in the `--help` of a command."""
    module, *arguments = COMMANDS[command]
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(sys, "argv", [module, *arguments, "--help"])
        patch.setenv("COLUMNS", "200")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* found in sys.modules", RuntimeWarning)  # other tests imported it
            with pytest.raises(SystemExit) as stop:
                runpy.run_module(module, run_name="__main__")
    assert stop.value.code == 0
    return frozenset(FLAG.findall(out.getvalue()))
