"""A chapter is short enough to be finished, and shows something before it explains."""

import statistics

import nbformat
import pytest
from length import length
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from toc import CHAPTERS


def over(path):
    """The names of the bounds that a chapter does not keep."""
    found = length(path)
    kept = {
        "words": found.words <= 3_500,
        "cells": found.cells <= 20,
        "pictures": found.pictures >= 2 * found.words / 1_000,
        "before": found.before is not None and found.before <= 160,
        "folded": found.folded <= (found.words + found.folded) / 3,
    }
    return {name for name, keeps in kept.items() if not keeps}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_to_its_bounds(chapter):
    assert not over(chapter), length(chapter)


def test_the_median_chapter_has_at_most_2500_words():
    assert statistics.median(length(chapter).words for chapter in CHAPTERS) <= 2_500


def test_words_are_counted_where_a_reader_reads_them(tmp_path):
    exercise = "```{exercise-start}\n:label: ex-x\n```\nnot counted here\n```{exercise-end}\n```\n"
    solution = "```{solution-start} ex-x\n:class: dropdown\n```\nnor here\n```{solution-end}\n```"
    proof = "`````{prf:proof}\n:class: dropdown\n\nfour words are folded\n`````"
    cells = [
        new_markdown_cell("(ch-x)=\n# Title\n\nthree words here"),
        new_code_cell("x = 1", outputs=[nbformat.v4.new_output("display_data", {"image/png": "..."})]),
        new_markdown_cell(proof),
        new_markdown_cell(exercise),
        new_code_cell("within_an_exercise = 1"),
        new_markdown_cell(solution),
        new_code_cell("profile = 'quick'", metadata={"tags": ["parameters"]}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "x.ipynb")
    found = length(tmp_path / "x.ipynb")
    assert (found.words, found.folded, found.cells, found.pictures, found.before) == (5, 4, 1, 1, 5)
