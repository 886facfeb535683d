"""A Sphinx extension: a comment before each cell says where it stands in the chapter's slides, for book/slides.py to read.

What it says is the cell's `slideshow.slide_type`, which Jupyter sets. A notebook without any has no slides, and no comments.
"""

import nbformat
from nbformat.v4 import new_markdown_cell


def slide_type(cell) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def mark(app, docname, source) -> None:
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = nbformat.reads(source[0], as_version=4)
    if all(slide_type(cell) == "-" for cell in notebook.cells):
        return
    marks = [new_markdown_cell(f"<!-- slide_type: {slide_type(cell)} -->") for cell in notebook.cells]
    notebook.cells = [each for pair in zip(marks, notebook.cells) for each in pair]
    source[0] = nbformat.writes(notebook)


def setup(app) -> dict:
    app.connect("source-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
