"""The notebooks for students: without the solutions, stubs and everything else as they are.

`make student` calls this file. A solution is whatever stands between `solution-start` and `solution-end`, text and cells.
"""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
START, END = re.compile(r"`{3,}\{solution-start\}"), re.compile(r"`{3,}\{solution-end\}")


def without_solutions(notebook: NotebookNode) -> NotebookNode:
    """A copy in which nothing from a `solution-start` directive to its `solution-end` is left.

    Raises ValueError for a solution that does not end.
    """
    cells, inside = [], False
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            if not inside:
                cells.append(cell)
            continue
        kept, lines = [], iter(cell.source.splitlines())
        for line in lines:
            if START.match(line):
                inside = True
            if not inside:
                kept.append(line)
            elif END.match(line):
                inside = False
                next(lines)  # the fence that closes the directive
        if text := re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip():
            cells.append(NotebookNode({**cell, "source": text}))
    if inside:
        raise ValueError("a solution starts and does not end: its `solution-end` is missing")
    metadata = NotebookNode({name: value for name, value in notebook.metadata.items() if name != "book"})
    return NotebookNode({**notebook, "cells": cells, "metadata": metadata})


def write_student_notebooks(root: Path = ROOT) -> list[Path]:
    """Write every notebook of the book, without its solutions, into `_build/student`; returns the paths."""
    folder = root / "_build" / "student"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.ipynb"):
        old.unlink()
    written = []
    for source in sorted((root / "book").glob("*.ipynb")):
        written.append(folder / source.name)
        nbformat.write(without_solutions(nbformat.read(source, as_version=4)), written[-1])
    return written


if __name__ == "__main__":
    notebooks = write_student_notebooks()
    print(f"{len(notebooks)} notebooks without solutions in {notebooks[0].parent}")
