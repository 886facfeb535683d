"""How long threads spin: our own programs bound it before torch is loaded, and nothing else does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ib_tutorial import waiting
from ib_tutorial.experiments.grid import run_cells

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    for name in waiting.CHOICES:
        monkeypatch.delenv(name, raising=False)


def environment_after(script):
    """The waiting variables in a new interpreter after `script`."""
    script += f"\nimport json, os; print(json.dumps({{n: os.environ[n] for n in {waiting.CHOICES} if n in os.environ}}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_importing_the_library_sets_nothing():
    assert environment_after("import ib_tutorial, ib_tutorial.nn, ib_tutorial.training, ib_tutorial.experiments, data_gen") == {}


def test_the_command_line_bounds_the_waiting_before_torch_is_loaded():
    script = (
        "import contextlib, sys; sys.argv = ['ib_tutorial', '--version']; from ib_tutorial.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "assert 'torch' not in sys.modules"
    )
    assert environment_after(script) == waiting.BOUND


@pytest.mark.parametrize("name", waiting.CHOICES)
def test_a_users_choice_is_left_alone(monkeypatch, name):
    monkeypatch.setenv(name, "ACTIVE")
    before = dict(os.environ)
    assert waiting.bound_waiting() == [] and dict(os.environ) == before


def spin_count(cell):
    return os.environ.get("GOMP_SPINCOUNT")


@pytest.mark.slow
def test_the_grids_workers_bound_theirs_and_the_program_that_starts_them_keeps_its_own():
    found = [result for _, result, _ in run_cells(spin_count, [{"seed": 0}, {"seed": 1}], jobs=2)]
    assert found == [waiting.BOUND["GOMP_SPINCOUNT"]] * 2
    assert "GOMP_SPINCOUNT" not in os.environ
