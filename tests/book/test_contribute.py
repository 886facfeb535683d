"""The recipes of the page "How to contribute", followed as they are written there."""

import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from scipy.special import digamma

from ib_tutorial.doctor import estimates
from ib_tutorial.experiments import EXPERIMENTS
from ib_tutorial.experiments import ledger as judge_all
from ib_tutorial.experiments import run as run_experiment

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "contribute.md").read_text(encoding="utf-8")


def blocks(label: str, language: str) -> list[str]:
    section = PAGE.split(f"({label})=")[1].split("\n(contribute-")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.mark.slow
def test_a_chapter_made_by_the_recipe_is_executed(build, tmp_path):
    (opening,), (parameters, exact), (entry,) = (
        blocks("contribute-chapter", language) for language in ("markdown", "python", "yaml")
    )
    path = tmp_path / f"{entry.split()[-1]}.ipynb"
    path.parent.mkdir()
    cells = [
        new_markdown_cell(opening),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell(exact),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    (tmp_path / "book" / "index.md").write_text("# Front", encoding="utf-8")
    for name in ("ib_tutorial", "data_gen", "requirements.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: book/index\nparts:\n  - chapters:\n{entry}", encoding="utf-8")
    (run,) = build.execute_all("smoke", 1, tmp_path)
    assert run.executed and run.chapter == "book/14_my_chapter"
    stored = build.with_outputs(tmp_path, run.chapter)
    assert stored.cells[-1].outputs[0].data["text/plain"].startswith("0.693")
    assert f"({re.search(r'^.(ch-[a-z-]+).=', opening)[1]})=" in stored.cells[0].source


@pytest.fixture
def recipe(monkeypatch):
    (source,) = blocks("contribute-experiment", "python")
    (file,) = re.findall(r"`(ib_tutorial/experiments/\w+\.py)`, ", PAGE) or [None]
    module = ModuleType("ib_tutorial.experiments.plug_in")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses looks it up
    exec(compile(source, str(file), "exec"), module.__dict__)
    monkeypatch.setitem(EXPERIMENTS, module.NAME, module)
    return module


def test_an_experiment_made_by_the_recipe_runs_and_is_judged(recipe, tmp_path):
    record = run_experiment(recipe.NAME, "quick", jobs=1, out=tmp_path, progress=False)
    assert record.finished and len(record.rows) == 10
    (verdict,) = judge_all(recipe.FINDINGS, folder=tmp_path, profiles=("quick",))
    n, units = 100, 20  # the mean of the estimate under the Wishart distribution
    expected = (units * digamma((n - 1) / 2) - sum(digamma((n - 1 - i) / 2) for i in range(units))) / 2
    assert verdict.verdict == "supported" and verdict.mean == pytest.approx(expected, abs=0.15)
    assert estimates({"dense": 1.0, "convolutional": 1.0}, jobs=1)[recipe.NAME] == {"reduced": None, "paper": None}


def test_a_recipe_without_images_is_not_taken_for_one_with_images(recipe):
    """Followed to the letter, the recipe once failed a test about folders with too few images."""
    assert not hasattr(recipe.Config(), "n_train") and hasattr(EXPERIMENTS["mnist_published"].Config(), "n_train")


def test_every_file_and_function_that_a_newcomer_is_sent_to_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8") + PAGE
    paths = set(re.findall(r"`((?:ib_tutorial|tests|book)/[\w/]+\.\w+)`", text))
    assert {"tests/nn/test_fused.py", "book/ledger.ipynb"} <= paths
    for path in paths - {"book/14_my_chapter.ipynb", "ib_tutorial/experiments/plug_in.py"}:  # the reader writes these
        assert (ROOT / path).is_file(), path
    names = re.findall(r"`(ib_tutorial\.[\w.]+)`", text)
    assert len(names) >= 5 and all(callable(pkgutil.resolve_name(name)) for name in names)


def test_the_exercise_recipe_is_where_the_page_says_it_is():
    import ib_tutorial.exercises

    assert "To add one:" in ib_tutorial.exercises.__doc__
    assert "{ref}`api-exercises`" in PAGE.split("(contribute-exercise)=")[1]
    assert "automodule:: ib_tutorial.exercises" in (ROOT / "book" / "api" / "exercises.md").read_text(encoding="utf-8")
