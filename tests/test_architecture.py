"""The rules of the house, read from the source: import floors, borders between parts, signatures.

A rule is a function `(module, source) -> faults`, so that the last tests can hand each one a wrong snippet.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Imports run downwards only. A package is one unit; "__init__" is `pconv_jax` itself.
FLOORS = {
    "common": 0,
    **dict.fromkeys(["ops", "masks", "imaging"], 1),
    **dict.fromkeys(["layers", "losses"], 2),
    "models": 3,
    **dict.fromkeys(["data", "training", "checkpoints"], 4),
    **dict.fromkeys(["detection", "inpainting", "synthesis"], 5),
    "evaluation": 6,
    "page": 7,
    "cli": 8,
    **dict.fromkeys(["__init__", "__main__"], 9),
}
# Slow to import, or not needed by everybody: imported in the function that uses them.
HEAVY = {
    "cv2",
    "grain",
    "h5py",
    "matplotlib",
    "orbax",
    "skimage",
    "tensorflow_datasets",
    "torch",
    "torch_fidelity",
}
# Public functions ("module.function") that take a default by position, each with its reason.
POSITIONAL_DEFAULTS = {
    "pconv_jax.ops.partial_conv": "the bias, which may be None, stands beside the kernel",
    "pconv_jax.layers.PartialConv.__init__": "the kernel size, as in nnx.Conv",
    "pconv_jax.checkpoints.trained.TrainedGenerator.__call__": "the mask, which `hole=` may take the place of",
    "pconv_jax.inpainting.inpainter.Inpainter.__call__": "the mask, which `hole=` may take the place of",
    "pconv_jax.inpainting.inpainter.Inpainter.from_pretrained": "which weights, as a name",
    "pconv_jax.inpainting.loaded.inpaint": "the mask, which `hole=` may take the place of",
    "pconv_jax.evaluation.estimate.estimate": "the mask, which `hole=` may take the place of",
    "pconv_jax.inpainting.grain.add_grain": "the mask, which `hole=` may take the place of",
    "pconv_jax.detection.damage_map.DamageMap.hole": "what becomes a hole",
    "pconv_jax.detection.detector.Detector.from_pretrained": "which weights, as a name",
    "pconv_jax.synthesis.refine.refine": "the mask, which `hole=` may take the place of",
    "pconv_jax.common.commands.Main.__call__": "the arguments, as everywhere else",
    "pconv_jax.evaluation.metrics.region_mean": "the region, which is the whole image when None",
}


class Import(NamedTuple):
    """One imported name, absolute and dotted; `lazy` inside a function."""

    target: str
    line: int
    lazy: bool


def imports(module: str, source: str) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, lazy: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(name.name, child.lineno, lazy) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                package = module.split(".")[: -child.level] if child.level else []
                start = ".".join([*package, *filter(None, [child.module])])
                found.extend(Import(f"{start}.{name.name}", child.lineno, lazy) for name in child.names)
            else:
                # What stands under `if TYPE_CHECKING` is not run either.
                typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                visit(child, lazy or typing_only or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(source), False)
    return found


def floors(module: str, source: str) -> list[str]:
    unit = module.split(".")[1]
    if unit not in FLOORS:
        return [f"pconv_jax/{unit} stands on no floor: add it to FLOORS in tests/test_architecture.py"]
    faults = []
    for target, line, _ in imports(module, source):
        root, *inner = target.split(".")
        if root != "pconv_jax":
            continue
        other = inner[0] if inner and inner[0] in FLOORS else "__init__"
        if other != unit and FLOORS[other] >= FLOORS[unit]:
            faults.append(f"{module}:{line} imports {target}, which is on no lower floor (see FLOORS)")
    return faults


def borders(module: str, source: str) -> list[str]:
    faults = []
    for target, line, lazy in imports(module, source):
        root = target.split(".")[0]
        library = module.startswith("pconv_jax.")
        if root == "tensorflow":
            faults.append(f"{module}:{line} imports tensorflow, which is not a dependency")
        if root in ("tests", "notebooks") or (library and root == "experiments"):
            faults.append(f"{module}:{line} imports {target}, which only imports others")
        if root == "orbax" and not module.startswith("tests.") and module != "pconv_jax.checkpoints.orbax":
            faults.append(f"{module}:{line} imports {target}: only pconv_jax/checkpoints/orbax.py knows Orbax")
        if library and root in HEAVY and not lazy:
            faults.append(f"{module}:{line} imports {target} with the module, not in the function that uses it")
    return faults


def signatures(module: str, source: str) -> list[str]:
    faults = []
    for name, function in public_functions(ast.parse(source)):
        where, args = f"{module}.{name}", function.args
        positional = [arg.arg for arg in args.posonlyargs + args.args if arg.arg not in ("self", "cls")]
        every = [*positional, *(arg.arg for arg in args.kwonlyargs)]
        if {"rng", "key"} & set(every) and positional[:1] not in (["rng"], ["key"]):
            faults.append(f"{where}({', '.join(every)}): rng or key comes first, by position")
        if args.defaults and where not in POSITIONAL_DEFAULTS:
            faults.append(f"{where}({', '.join(every)}): what has a default is keyword-only")
    return faults


def public_functions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Name and node of functions and methods without a leading underscore, `__init__` and `__call__`."""
    for node in tree.body:
        public = isinstance(node, ast.ClassDef | ast.FunctionDef) and (
            not node.name.startswith("_") or node.name in ("__init__", "__call__")
        )
        if public and isinstance(node, ast.ClassDef):
            yield from public_functions(node, f"{prefix}{node.name}.")
        elif public:
            yield prefix + node.name, node


def sources(*folders: str) -> dict[str, str]:
    """Dotted module name -> source, of every module in these folders of the clone."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text() for path in paths}


def heavy_after(statements: str) -> set[str]:
    """The heavy libraries, and TensorFlow, that a fresh interpreter holds after these statements."""
    code = f"import sys\n{statements}\nprint(*{HEAVY | {'tensorflow'}!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


RULES = [
    (floors, ["pconv_jax"]),
    (borders, ["pconv_jax", "experiments", "tests"]),
    (signatures, ["pconv_jax"]),
]


@pytest.mark.parametrize(("rule", "folders"), RULES)
def test_every_module_keeps_the_rule(rule, folders):
    faults = [fault for module, source in sources(*folders).items() for fault in rule(module, source)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_room_is_on_a_floor_and_every_exception_in_use():
    modules = sources("pconv_jax")
    assert set(FLOORS) == {module.split(".")[1] for module in modules}
    functions = {
        f"{module}.{name}" for module, source in modules.items() for name, _ in public_functions(ast.parse(source))
    }
    assert set(POSITIONAL_DEFAULTS) <= functions


def test_the_guide_for_contributors_has_the_same_floors():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.*?) \|", guide, re.MULTILINE)
    named = [(floor, name) for floor, names in rows for name in re.findall(r"`([\w.]+)`", names)]
    listed = {name.removesuffix(".py"): int(floor) for floor, name in named}
    assert listed == FLOORS


def test_importing_the_library_loads_nothing_heavy():
    modules = [module.removesuffix(".__init__") for module in sources("pconv_jax")]
    assert heavy_after(f"import {', '.join(modules)}") == set()


def test_a_second_photograph_is_inpainted_without_flax_and_what_training_needs(tmp_path, one, weights):
    arguments = ["inpaint", str(one.image), "-m", str(one.mask), "--weights", str(weights), "-o"]
    code = (
        f"import sys; from pconv_jax.cli.main import main; assert main([*{arguments}, sys.argv[1]]) == 0; "
        "print('loaded', *{'flax', 'optax', 'orbax', 'skimage', 'matplotlib', 'grain', 'IPython'} & set(sys.modules))"
    )
    environment = {**os.environ, "PCONV_JAX_CACHE": str(tmp_path / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    results = []
    for name in ("first.png", "second.png"):
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        results.append(done.stdout.splitlines()[-1])
    assert "flax" in results[0] and results[1] == "loaded"
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_workers_that_score_classical_methods_need_no_jax():
    code = (
        "import sys, pconv_jax.evaluation.worker_pool, pconv_jax.evaluation.seeded_pairs; print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["inpaint", "detect"])
def test_a_mistake_in_the_flags_is_told_before_jax_loads(name):
    arguments = [name, "no_such_file.png", "-o", "result.png"]
    code = (
        f"import sys; from pconv_jax.cli.main import main; assert main({arguments}) == 2; "
        "print('loaded', *{'jax', 'cv2', 'scipy', 'typeguard'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"


def test_the_heavy_check_sees_an_import():
    assert heavy_after("import h5py") == {"h5py"}


WRONG = [
    (floors, "pconv_jax.brand_new", ""),
    (floors, "pconv_jax.ops", "import pconv_jax.models.vgg"),
    (floors, "pconv_jax.ops", "def f():\n    from pconv_jax import train"),
    (floors, "pconv_jax.losses", "from . import layers"),
    (floors, "pconv_jax.models.paper", "from ..data.source import x"),
    (floors, "pconv_jax.training.step", "from pconv_jax import inpaint"),
    (borders, "pconv_jax.cli", "from experiments import run"),
    (borders, "experiments.run", "import notebooks.evaluation"),
    (borders, "tests.test_ops", "from tests.test_masks import x"),
    (borders, "pconv_jax.data.builders", "def f():\n    import tensorflow as tf"),
    (borders, "pconv_jax.training.step", "def f():\n    from orbax.checkpoint import v1"),
    (borders, "experiments.train.loop", "import orbax.checkpoint"),
    (borders, "pconv_jax.checkpoints.orbax", "from orbax.checkpoint import v1"),
    (borders, "pconv_jax.data.source", "try:\n    import grain\nfinally:\n    pass"),
    (signatures, "pconv_jax.masks", "def lines(height, rng): ..."),
    (signatures, "pconv_jax.masks", "class Lines:\n    def draw(self, *, key): ..."),
    (signatures, "pconv_jax.ops", "def conv(x, stride=1): ..."),
]
RIGHT = [
    (floors, "pconv_jax.models.paper", "from pconv_jax.models.reach import x\nfrom ..ops import y"),
    (borders, "pconv_jax.checkpoints.orbax", "def f():\n    from orbax.checkpoint import v1"),
    (borders, "experiments.loss_curves", "import matplotlib, pconv_jax.training.step"),
    (borders, "pconv_jax.data.source", "if typing.TYPE_CHECKING:\n    import grain"),
    (signatures, "pconv_jax.masks", "def lines(rng, height, *, width=1): ...\ndef _own(x=1): ..."),
]


@pytest.mark.parametrize(("rule", "module", "source"), WRONG)
def test_a_wrong_snippet_is_a_fault(rule, module, source):
    assert len(rule(module, source)) == 1


@pytest.mark.parametrize(("rule", "module", "source"), RIGHT)
def test_a_right_snippet_is_none(rule, module, source):
    assert rule(module, source) == []
