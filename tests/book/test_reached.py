"""Which chapters an edit of a module executes again: those whose code reaches it, and no others."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "ib_tutorial/__init__.py": '"""The library."""\n__version__ = "1"\n',
    "ib_tutorial/figures/__init__.py": "from ib_tutorial.figures.one import lamp\nfrom .two import wall\n__all__ = ['lamp', 'wall']\n",
    "ib_tutorial/figures/one.py": "from ib_tutorial.figures.style import colour\n",
    "ib_tutorial/figures/two.py": "",
    "ib_tutorial/figures/style.py": "",
    "ib_tutorial/experiments/__init__.py": "from .runner import EXPERIMENTS, run\n",
    "ib_tutorial/experiments/runner.py": "from importlib import import_module as load\nimport importlib\n"
    'EXPERIMENTS = {name: importlib.import_module(f"ib_tutorial.experiments.{name}") for name in ("alpha", "beta")}\n',
    "ib_tutorial/experiments/alpha.py": "",
    "ib_tutorial/experiments/beta.py": "def late():\n    from data_gen import load\n",
    "ib_tutorial/exercises/__init__.py": "from ib_tutorial.exercises.checking import check\n",
    "ib_tutorial/exercises/checking.py": "from ib_tutorial.exercises.registry import EXERCISES\n",
    "ib_tutorial/exercises/registry.py": "from ib_tutorial.exercises import coins, dice\n",
    "ib_tutorial/exercises/coins.py": 'EXERCISE = Exercise("coin-bias")\n',
    "ib_tutorial/exercises/dice.py": 'EXERCISE = Exercise("die-bias")\n',
    "data_gen/__init__.py": 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .sources import load\nMODULES = {"sources": ("load",)}\n',
    "data_gen/sources.py": "",
    "data_gen/__main__.py": "from .cli import app\n",
    "data_gen/cli.py": "",
}
ALL = {name for name in FILES if not name.endswith("__init__.py")}


@pytest.fixture
def checkout(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def edited(build, root, code):
    """The modules whose edit changes what the code reaches."""
    before, found = build.reached(code, root), set()
    for name in sorted(ALL):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(text + "edited = True\n", encoding="utf-8")
        if build.reached(code, root) != before:
            found.add(name)
        (root / name).write_text(text, encoding="utf-8")
    return found


def within(package, *modules):
    return {f"{package}/{module}.py" for module in modules}


LAMP, WALL = within("ib_tutorial/figures", "one", "style"), within("ib_tutorial/figures", "two")
RUN, ALPHA = within("ib_tutorial/experiments", "runner"), within("ib_tutorial/experiments", "alpha")
BETA = within("ib_tutorial/experiments", "beta") | within("data_gen", "sources")
CHECK = within("ib_tutorial/exercises", "checking", "registry")


@pytest.mark.parametrize(
    ("code", "reaches"),
    [
        ("import numpy", set()),
        ("from ib_tutorial import figures\nfigures.lamp()", LAMP),
        ("from ib_tutorial import figures as drawings\ndrawings.wall()", WALL),
        ("from ib_tutorial import figures\nfor name in dir(figures): pass\nfigures.wall()", LAMP | WALL),
        ("from ib_tutorial.figures import wall", WALL),
        ("from ib_tutorial.figures import *", LAMP | WALL),
        ("import ib_tutorial.figures.one", LAMP),
        ("def late():\n    from ib_tutorial.figures.style import colour", within("ib_tutorial/figures", "style")),
        ("from data_gen import load", within("data_gen", "sources")),
        ("from ib_tutorial.experiments import run\nrun('alpha')", RUN | ALPHA),
        ("from ib_tutorial.experiments import run, beta\nrun(beta.NAME)", RUN | BETA),
        ("from ib_tutorial.experiments import EXPERIMENTS", RUN | ALPHA | BETA),
        ("from ib_tutorial import exercises\nexercises.check('coin-bias', 1)", CHECK | within("ib_tutorial/exercises", "coins")),
        ("import subprocess\nsubprocess.run('python -m data_gen'.split())", within("data_gen", "cli", "__main__")),
        ("import subprocess\nsubprocess.run(command)", ALL),
        ("import importlib\nimportlib.import_module(name)", ALL),
        ("%run something", ALL),
    ],
)
def test_an_edit_reaches_the_chapters_that_use_the_module(build, checkout, code, reaches):
    assert edited(build, checkout, code) == reaches


def test_a_package_that_passes_on_one_more_name_executes_no_chapter(build, checkout):
    code, init = "from ib_tutorial import figures\nfigures.wall()", checkout / "ib_tutorial" / "figures" / "__init__.py"
    before, text = build.reached(code, checkout), init.read_text(encoding="utf-8")
    init.write_text(text.replace("import lamp", "import lamp, more"), encoding="utf-8")
    assert build.reached(code, checkout) == before
    init.write_text(f"{text}\nswitch_on_everything()\n", encoding="utf-8")
    assert build.reached(code, checkout) != before
    init.write_text(text.replace("from .two", "from .one"), encoding="utf-8")
    assert build.reached(code, checkout) != before


@pytest.mark.slow
def test_the_books_figures_are_told_apart(build):
    """An edit of the figures of chapter 3 once executed every chapter."""
    here = {
        path.stem: build.reached(build.code(nbformat.read(path, as_version=4)).replace("\0", ""), ROOT)
        for path in sorted((ROOT / "book").glob("*.ipynb"))
    }
    drawn = [name for name, modules in here.items() if "ib_tutorial.figures.lagrangian" in modules]
    assert drawn == ["lagrangian"]
    for module, chapter in {"experiments.vae_bound": "two_autoencoders", "exercises.vae_bound": "two_autoencoders"}.items():
        users = [name for name, modules in here.items() if f"ib_tutorial.{module}" in modules]
        assert chapter in users and not {"exact", "speed", "cifar_filters"} & set(users), "a registry has another name"
    assert not any("figures" in module for module in here.pop("your_network")), "a page that draws nothing"
    for name in ("ib_tutorial.figures.style", "ib_tutorial.figures when imported"):
        assert all(name in modules for modules in here.values())
