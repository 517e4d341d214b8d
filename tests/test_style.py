"""Style of the source: error messages, docstrings and the attributes and arguments that they describe.

Faults are listed file by file, all at once.
"""

import ast
import inspect
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = [path for package in ("pconv_jax", "experiments") for path in sorted((ROOT / package).rglob("*.py"))]
ERRORS = ("InputError", "TrainingError")
# Words with one capital that may begin a message; acronyms and CamelCase may always.
NAMES = ("Flax", "Grain", "Keras", "Orbax", "Pillow", "Python")
WITHOUT_FLAGS = ("Choice", "Layer", "LiuConfig")  # dataclasses whose fields no command has as flags
VALUE = "{}"  # stands for a value that is put into a message

Function = ast.FunctionDef | ast.AsyncFunctionDef


def text(node: ast.expr) -> str | None:
    """A literal string with `VALUE` for each value in it; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [text(side) for side in (node.left, node.right)]
        return None if sides == [None, None] else "".join(VALUE if side is None else side for side in sides)
    return None


def of_message(message: str) -> Iterator[str]:
    """Faults of an error message."""
    sentences = re.search(rf"[.!?] ([A-Z]|{re.escape(VALUE)})", message) is not None
    if message.endswith(".") and not sentences:
        yield "one sentence ends without a full stop"
    if sentences and not message.endswith((".", VALUE)):
        yield "two sentences end with a full stop"
    word = re.match(r"[A-Z][\w-]*", message)
    if word and word[0] not in NAMES and not re.search(r"[A-Z\d]", word[0][1:]):
        yield f"begins with a capital: {word[0]}"
    if "\n" in message:
        yield "more than one line"


def messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, fault) of the messages in the errors that a file raises."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            message = text(node.args[0])
            for fault in of_message(message) if message else ():
                yield node.lineno, f"{fault}: {message!r}"


def sections(docstring: str) -> dict[str, list[str]]:
    """The names that each of the sections Args and Attributes of a docstring describes."""
    found: dict[str, list[str]] = {}
    for title, body in re.findall(r"^(Args|Attributes):\n((?:    .*\n?|\n)+)", docstring, re.MULTILINE):
        found[title] = re.findall(r"^    \*{0,2}(\w+):", body, re.MULTILINE)
    return found


def arguments(function: Function) -> list[str]:
    """Names of the parameters, without self and cls."""
    spec = function.args
    named = [*spec.posonlyargs, *spec.args, spec.vararg, *spec.kwonlyargs, spec.kwarg]
    return [arg.arg for arg in named if arg is not None and arg.arg not in ("self", "cls")]


def fields(class_: ast.ClassDef) -> list[str]:
    """Names of the public fields of a dataclass, a named tuple or a protocol; none where __init__ makes them."""
    assigned = [node for node in class_.body if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.dump(node)]
    named = [node.target.id for node in assigned if isinstance(node.target, ast.Name)]
    return [name for name in named if not name.startswith("_")]


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, fault) of the docstrings of a file."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | Function):
            continue
        raw = ast.get_docstring(node, clean=False)
        line = getattr(node, "lineno", 1)
        if raw is None:
            continue
        docstring = inspect.cleandoc(raw)
        first = docstring.splitlines()[0]
        if not first.endswith((".", ":")):
            yield line, f"the first line ends without a full stop: {first!r}"
        described = sections(docstring)
        if isinstance(node, Function) and "Args" in described and described["Args"] != arguments(node):
            yield line, f"{node.name} has {arguments(node)}, and Args describes {described['Args']}"
        found = fields(node) if isinstance(node, ast.ClassDef) else []
        if found and "Attributes" in described and sorted(described["Attributes"]) != sorted(found):
            yield line, f"{node.name} has {found}, and Attributes describes {described['Attributes']}"


def encodings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, fault) of text files that are read or written in the encoding of the system, which is not UTF-8 on all."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or "encoding" in [keyword.arg for keyword in node.keywords]:
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        at = 1 if isinstance(node.func, ast.Name) else 0  # path.open(mode), open(path, mode)
        mode = text(node.args[at]) if len(node.args) > at else None
        if called in ("read_text", "write_text") or (called == "open" and re.fullmatch("[rwax]t?[+]?", mode or "")):
            yield node.lineno, f'{called} without encoding="utf-8"'


def sizes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, fault) of sentences that name the height of an image before its width."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and re.search(r"height\} ?x ?\{\w*width\}", ast.unparse(node)):
            yield node.lineno, "height x width, where sizes of images are width x height"


def helps(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, fault) of what a flag does, where a line begins with no letter: --help has a line break there."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or node.name in WITHOUT_FLAGS:
            continue
        attributes = (ast.get_docstring(node) or "").partition("\nAttributes:\n")[2]
        for line in attributes.partition("\n\n")[0].splitlines():
            if line.startswith(8 * " ") and not line.lstrip()[0].isalpha():
                yield node.lineno, f"a line of an attribute begins with no letter: {line.strip()!r}"


@pytest.mark.parametrize("check", [messages, docstrings, encodings, sizes, helps])
def test_the_source_follows_the_style(check):
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in FILES
        for line, fault in check(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not faults, "\n".join(["", *faults])


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("x=3 must be at least 4.", "one sentence ends without a full stop"),
        ("{} is damaged. Copy it again", "two sentences end with a full stop"),
        ("The file is damaged", "begins with a capital: The"),
        ("one\ntwo", "more than one line"),
        ("x=3 must be at least 4", None),
        ("{} is damaged. Copy it again.", None),
        ("TIFF of 12 bits cannot be read", None),
        ("Pillow cannot read it", None),
    ],
)
def test_faults_of_messages_are_found(message, fault):
    assert list(of_message(message)) == ([] if fault is None else [fault])


def test_files_without_an_encoding_are_found():
    source = """
path.read_text()
path.write_text("")
path.open("w")
open(path, "a", buffering=1)
path.read_text(encoding="utf-8")
path.open("rb")
Image.open(path)
"""
    assert [line for line, _ in encodings(ast.parse(source))] == [2, 3, 4, 5]


def test_heights_before_widths_are_found():
    source = 'f"{height} x {width}"\nf"{own_height}x{own_width}"\nf"{width}x{height}"\nf"{height}, {width}"'
    assert [line for line, _ in sizes(ast.parse(source))] == [1, 2]


def test_faults_of_docstrings_are_found():
    source = '''
class A:
    """A

    Attributes:
        b: one.
    """
    b: int
    c: int

def f(x, *, y):
    """Does.

    Args:
        x: one.
    """
'''
    assert [fault for _, fault in docstrings(ast.parse(source))] == [
        "the first line ends without a full stop: 'A'",
        "A has ['b', 'c'], and Attributes describes ['b']",
        "f has ['x', 'y'], and Args describes ['x']",
    ]
