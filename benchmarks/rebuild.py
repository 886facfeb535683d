"""Compares a build of the book after one chapter was edited with a build that executes every chapter."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from .harness import Missing, Sides, comparison
from .start import ROOT

FIRST_PAGE = "book/index"
CHAPTERS = ("book/ledger", FIRST_PAGE)
"""The two that take least, for each is executed some ten times."""
EXECUTE = """
import sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root / "book"))
import build

build.console.quiet = True
print(*[run.chapter for run in build.execute_all("smoke", 1, root) if run.executed])
"""


class Build(NamedTuple):
    """What a build executed, and the chapters as it left them: the source and the outputs of every cell."""

    executed: set[str]
    cells: dict[str, list]


class Copy:
    """The book in a temporary folder, cut to some chapters; it goes with this object."""

    def __init__(self, chapters: tuple[str, ...]):
        self.chapters = chapters
        self.folder = tempfile.TemporaryDirectory(prefix="book-")
        self.root = Path(self.folder.name)
        copy_book(self.root, chapters)
        self.build()

    def build(self) -> Build:
        done = subprocess.run(
            [sys.executable, "-c", EXECUTE, str(self.root)],
            env=os.environ | {"PYTHONPATH": str(self.root), "JUPYTER_PREFER_ENV_PATH": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        notebooks = {c: self.root / "_build" / "executed" / f"{c}.ipynb" for c in self.chapters}
        cells = {c: json.loads(path.read_text(encoding="utf-8"))["cells"] for c, path in notebooks.items()}
        return Build(
            set(done.stdout.split()),
            {c: [(cell["source"], cell.get("outputs")) for cell in cells[c]] for c in cells},
        )

    def after_an_edit(self) -> Build:
        """Build after a word was added to the first chapter's text."""
        path = self.root / f"{self.chapters[0]}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        text = next(cell for cell in reversed(notebook["cells"]) if cell["cell_type"] == "markdown")
        text["source"] = "".join(text["source"]) + " Edited."
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return self.build()

    def anew(self) -> Build:
        shutil.rmtree(self.root / "_build")
        return self.build()


def copy_book(root: Path, chapters: tuple[str, ...]) -> None:
    """The book, the packages that it runs on and its settings, with a table of contents of the first page and these chapters."""
    for name in ("book", "ib_tutorial", "data_gen"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "CHANGELOG.md", "CITATION.cff", "pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, root / name)
    listed = "".join(f"  - file: {chapter}\n" for chapter in chapters if chapter != FIRST_PAGE)
    (root / "_toc.yml").write_text(f"format: jb-book\nroot: {FIRST_PAGE}\nchapters:\n{listed}", encoding="utf-8")


@comparison(
    "book_rebuild",
    target=1,
    note="execution of what changed at smoke, after an edit of the ledger, in a book of it and the first page alone: executing both; "
    "rendering is in neither",
)
def book_rebuild(chapters: tuple[str, ...] = CHAPTERS) -> Sides:
    if importlib.util.find_spec("papermill") is None:
        raise Missing("the tools that build the book are not here: pip install -r requirements.txt")
    book = Copy(chapters)

    def same(mine: Build, theirs: Build) -> bool:
        """We executed the edited chapter and no other, the peer all of them, and they leave the same book."""
        return mine.executed == {chapters[0]} and theirs.executed >= set(chapters) and mine.cells == theirs.cells

    return Sides(ours=book.after_an_edit, peer=book.anew, same=same)
