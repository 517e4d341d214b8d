"""Every bundled file that is no source or text is named in docs/licences.md, with its origin and licence."""

import fnmatch
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("pconv_jax", "experiments", "docs", "notebooks", "tests")
TEXT = re.compile(r"`([^`]+)`")
ROWS = [
    line.split("|")[1:4]
    for line in (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
PATTERNS = [pattern for row in ROWS for pattern in TEXT.findall(row[0])]


def bundled():
    """Paths of what is neither code nor Markdown; caches are not bundled."""
    files = (path for place in PLACES for path in (ROOT / place).rglob("*") if path.is_file())
    kept = [path.relative_to(ROOT) for path in files if path.suffix not in (".py", ".pyc", ".md")]
    return sorted(path.as_posix() for path in kept if not any(part.startswith((".", "__")) for part in path.parts))


def named(path, pattern):
    """Whether a pattern names a file; `*` stands for no slash."""
    same_depth = path.count("/") == pattern.count("/")
    return same_depth and fnmatch.fnmatchcase(path, pattern)


def test_each_file_is_named_once_and_each_row_names_a_file():
    files = bundled()
    assert "pconv_jax/checkpoints/bundled/faithful.safetensors" in files
    found = {path: [pattern for pattern in PATTERNS if named(path, pattern)] for path in files}
    assert {path: patterns for path, patterns in found.items() if len(patterns) != 1} == {}
    assert [pattern for pattern in PATTERNS if not any(named(path, pattern) for path in files)] == []


def test_each_row_says_where_from_and_which_licence():
    for files, origin, licence in ROWS:
        assert origin.strip(), files
        assert licence.strip() or files.strip().endswith("LICENSE`"), files
