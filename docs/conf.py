"""The documentation site: `make docs` builds it from the Markdown of this clone into build/docs.

The source folder is the clone itself, so that links between pages are the same on the site and on a code host.
"""

import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CLONE), str(CLONE / "docs")]

import site_parts  # noqa: E402
from sphinx.domains.python import PyObject  # noqa: E402

import pconv_jax  # noqa: E402

project = "pconv_jax"
author = copyright = "The pconv_jax authors"
version = release = pconv_jax.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = site_parts.pages()
exclude_patterns = [".*", "build", "dist", "runs", "tests", "notebooks"]  # not even looked into
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*"), ("py:class", r"(?!pconv_jax\.\w+$).*")]  # code; what is not public

myst_heading_anchors = 4
highlight_language = "text"  # of blocks that name none
default_role = "name"
python_maximum_signature_line_length = 88
autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"pconv_jax {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False


def setup(app):
    next(kind for kind in PyObject.doc_field_types if kind.name == "variable").label = "Attributes"
    docstrings = site_parts.WholeDocstrings()
    app.add_role("name", site_parts.name_role)
    app.connect("source-read", site_parts.complete)
    app.connect("autodoc-process-signature", site_parts.arguments)
    app.connect("autodoc-process-docstring", docstrings.keep, priority=100)
    app.connect("autodoc-process-docstring", docstrings.bring_back, priority=900)
    app.connect("missing-reference", site_parts.public_name)
    app.connect("build-finished", site_parts.forward_to_index)
