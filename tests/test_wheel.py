"""The wheel holds all that a reader of the book needs: its records are found by whoever has no checkout."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from ib_tutorial.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[1]
TOOL_CHAIN = ("jupyter_book", "jupytext", "myst_nb", "nbval", "papermill", "pytest")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which a wheel of this checkout is unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site-packages")
    return folder / "site-packages"


def python(installed, folder, *arguments):
    """Run Python in `folder` with the unpacked wheel, and without the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed), "IB_TUTORIAL_PROFILE": "smoke", "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def test_the_wheel_holds_every_record_of_the_book(installed):
    records = {path.name: path.read_bytes() for path in (ROOT / "book" / "recorded").iterdir()}
    assert {path.name: path.read_bytes() for path in (installed / "ib_tutorial" / "recorded").iterdir()} == records


def test_the_wheel_says_that_its_types_can_be_checked(installed):
    assert all((installed / package / "py.typed").is_file() for package in ("ib_tutorial", "data_gen"))


def test_the_ledger_of_an_installed_package_judges_every_claim(installed, tmp_path):
    done = python(installed, tmp_path, "-m", "ib_tutorial", "ledger", "--json")
    assert done.returncode == 0, done.stderr
    paths = [path for name in EXPERIMENTS for path in (ROOT / "book" / "recorded").glob(f"{name}.*.json")]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    recorded = {record["experiment"] for record in records if record["finished"]}
    judged = json.loads(done.stdout)
    assert {entry["experiment"] for entry in judged} == set(EXPERIMENTS)
    assert recorded == {entry["experiment"] for entry in judged if entry["verdict"] != "not run"}


@pytest.mark.parametrize("chapter", ["ledger", "speed"])
def test_a_chapter_that_shows_records_runs_from_the_wheel_alone(installed, tmp_path, chapter):
    notebook = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4)
    refused = f"import sys\nsys.modules.update(dict.fromkeys({TOOL_CHAIN!r}))\n"
    cells = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    where = "\nimport ib_tutorial\nprint(ib_tutorial.__file__)"
    (tmp_path / "chapter.py").write_text(refused + cells + where, encoding="utf-8")
    done = python(installed, tmp_path, "chapter.py")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(re.escape(str(installed)), done.stdout), "the checkout was read, not the wheel"
