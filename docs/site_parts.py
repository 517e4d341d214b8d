"""What only the documentation site has: its contents, the API from docstrings, the help of the commands.

The pages stay plain Markdown for readers of a code host: there they are a list of names, a command with `--help`.
"""

import contextlib
import functools
import inspect
import io
import os
import pkgutil
import re
import runpy
import shlex
import sys
import warnings
from pathlib import Path
from unittest import mock

import pconv_jax

CLONE = Path(__file__).resolve().parent.parent
CONTENTS = {
    "Guides": (
        *("restore", "detection", "page", "infrared", "synthesis"),
        *("train", "extend", "evaluate", "reproduce", "clusters", "resuming"),
    ),
    "How it works": ("how-it-works", "faq"),
    "Results": (
        *("bundled-weights", "bundled-detector", "paper", "studies"),
        *("study-null", "study-convolution", "study-noise", "study-losses", "study-conventional", "performance"),
    ),
    "Reference": ("api", "commands", "formats"),
    "Project": ("contributing", "changelog"),
}
"""Captions and pages, in this order; pages of `docs` that are not named here follow under "Reference"."""
OUTSIDE = {
    "bundled-weights": "pconv_jax/checkpoints/bundled/README.md",
    "bundled-detector": "pconv_jax/checkpoints/bundled/detectors/README.md",
    "studies": "experiments/STUDIES.md",
    "performance": "experiments/PERFORMANCE.md",
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
}
"""Pages that lie outside of `docs`, beside what they describe."""
SHORT = {
    "docs/synthesis.md": "Neural patch synthesis",
    "docs/infrared.md": "Infrared channels",
    "docs/resuming.md": "Interrupted runs",
    "docs/paper.md": "The paper's system, and others",
}
"""Titles in the contents where those of the pages are long."""
TYPES = {
    "ndarray": "np.ndarray",
    "Array": "jax.Array",
    "Generator": "np.random.Generator",
    "Rngs": "nnx.Rngs",
    "State": "nnx.State",
    "Picture": "np.ndarray | jax.Array | Image",
}
"""Types whose last word alone would not do."""


def pages() -> list[str]:
    """Files of all pages, relative to the clone."""
    return [*sorted(f"docs/{path.name}" for path in (CLONE / "docs").glob("*.md")), *OUTSIDE.values()]


def complete(app, name: str, content: list[str]) -> None:
    """Adds to the text of a page, `content[0]`, what only the site has."""
    text = content[0].replace("](README.md", "](docs/index.md").replace("](../README.md", "](index.md")
    if name == "docs/index":
        text += contents()
    elif name == "docs/api":
        listed = re.compile(r"^- `(pconv_jax[\w.]*)`.*\n", re.MULTILINE)
        text = listed.sub(lambda found: docstring(found[1]) or found[0], text)
    elif name == "docs/commands":
        help_block = re.compile(r"^```sh\n(.*) --help\n```\n", re.MULTILINE)
        text = help_block.sub(lambda found: found[0] + help_of(found[1]), text)
    content[0] = text


def contents() -> str:
    """Tables of contents, for the column beside the pages."""
    groups = {caption: [OUTSIDE.get(page, f"docs/{page}.md") for page in group] for caption, group in CONTENTS.items()}
    named = {"docs/index.md"}.union(*groups.values())
    groups["Reference"] += [page for page in pages() if page not in named]
    lines = []
    for caption, group in groups.items():
        entries = [f"{SHORT[page]} </{page}>" if page in SHORT else f"/{page}" for page in group]
        lines += ["", "```{toctree}", f":caption: {caption}", ":hidden:", "", *entries, "```", ""]
    return "\n".join(lines)


def docstring(name: str) -> str:
    """The directive that shows a function or a class of the library; empty for other names."""
    found = pkgutil.resolve_name(name)
    if not callable(found):
        return ""
    kind = "function"
    if isinstance(found, type):
        kind = "exception" if issubclass(found, BaseException) else "class"
    members = "   :members:\n   :special-members: __call__\n" if kind == "class" else ""
    return f"\n```{{eval-rst}}\n.. auto{kind}:: {name}\n{members}```\n"


def help_of(line: str) -> str:
    """What a command prints with `--help`, as a block of text."""
    words = shlex.split(line)
    program, *arguments = words[2:] if words[1:2] == ["-m"] else ["pconv_jax", *words[1:]]
    printed = io.StringIO()
    with (
        mock.patch.object(sys, "argv", [program, *arguments, "--help"]),
        mock.patch.dict(os.environ, COLUMNS="86", NO_COLOR="1"),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", ".* found in sys.modules", RuntimeWarning)  # another command imported it
        runpy.run_module(program, run_name="__main__")
    if "usage:" not in printed.getvalue():
        raise RuntimeError(f"{line} --help prints no usage")
    return f"\n```text\n{printed.getvalue().strip()}\n```\n"


def name_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """Single backticks of a docstring: a link where it is a name that the site has, else code."""
    from docutils import nodes
    from sphinx.domains.python import PyXRefRole

    if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", text):
        return PyXRefRole()("py:obj", rawtext, text, lineno, inliner, options or {}, content)
    return [nodes.literal(rawtext, text)], []


def arguments(app, kind: str, name: str, found: object, options: object, signature: str | None, returned: str):
    """Writes the types of arguments as the code does, and what Flax modules take: their metaclass hides it."""
    from sphinx.util.inspect import stringify_signature
    from sphinx.util.typing import stringify_annotation

    annotations = app.env.current_document.autodoc_annotations.setdefault(name, {})
    if getattr(found, "_is_protocol", False):
        return "", None
    shown = signature
    if annotations.keys() >= {"args", "kwargs"}:
        _, *others = inspect.signature(found.__init__).parameters.values()
        annotations.clear()
        annotations.update((each.name, stringify_annotation(each.annotation, "smart")) for each in others)
        shown = stringify_signature(inspect.Signature(others), show_annotation=False)
    for argument, written in annotations.items():
        for whole, short in _aliases().items():
            written = written.replace(whole, short)
        annotations[argument] = re.sub(r"~?(?:\w+\.)+(\w+)", lambda found: TYPES.get(found[1], found[1]), written)
    return shown and (re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", shown), returned)


def public_name(app, env, node, content):
    """The place of a public name of the package, which docstrings and types have without it."""
    name = node.get("reftarget")
    if node.get("refdomain") != "py" or name not in pconv_jax.__all__:
        return None
    python = env.domains.python_domain
    return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], f"pconv_jax.{name}", node, content)


@functools.cache
def _aliases() -> dict[str, str]:
    """Aliases that Python expands in annotations, and their names."""
    from jax.typing import DTypeLike
    from numpy.typing import ArrayLike
    from sphinx.util.typing import stringify_annotation

    named = {"ArrayLike": ArrayLike, "DTypeLike": DTypeLike}
    return {stringify_annotation(kind, "smart"): name for name, kind in named.items()}


class WholeDocstrings:
    """Keeps the docstrings of properties: napoleon would take what stands before a colon in them for a type."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def keep(self, app, kind: str, name: str, found: object, options: object, lines: list[str]) -> None:
        """Before napoleon."""
        self._kept = list(lines)

    def bring_back(self, app, kind: str, name: str, found: object, options: object, lines: list[str]) -> None:
        """After napoleon."""
        if kind == "property":
            lines[:] = self._kept


def forward_to_index(app, failure: Exception | None) -> None:
    """Writes a first page beside the folders of the site, which leads to that of the documentation."""
    if failure is None and app.builder.format == "html":
        title, place = app.config.html_title, f"{app.config.root_doc}.html"
        head = f'<title>{title}</title><meta http-equiv="refresh" content="0; url={place}">'
        page = f'<!doctype html><meta charset="utf-8">{head}<a href="{place}">{title}</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")
