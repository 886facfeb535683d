"""The notebooks for students: no solution left in any, everything else as it was, and they still run."""

import importlib.util
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def student():
    """The module book/student.py."""
    spec = importlib.util.spec_from_file_location("book_student", ROOT / "book" / "student.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def solution(*inside, after="", fence="```"):
    """The markdown cells around a solution's code, one cell if there is no code."""
    start = f"{fence}{{solution-start}} ex-one\n:class: dropdown\n{fence}\nBecause."
    end = f"So it is.\n{fence}{{solution-end}}\n{fence}\n{after}".strip()
    return (
        [new_markdown_cell(start), *inside, new_markdown_cell(end)]
        if inside
        else [new_markdown_cell(f"{start}\n\n{end}")]
    )


def sources(notebook):
    return [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("fence", ["```", "````"])
def test_text_and_code_of_a_solution_go_and_the_rest_stays(student, fence):
    before, stub, after = new_markdown_cell("## Exercises"), new_code_cell("stub()"), new_code_cell("later()")
    told = solution(new_code_cell("secret()"), after="## What to remember", fence=fence)
    given = new_notebook(
        cells=[before, stub, *told, after, *solution(fence=fence)], metadata={"book": {"key": 1}, "title": "x"}
    )
    kept = student.without_solutions(given)
    assert sources(kept) == ["## Exercises", "stub()", "## What to remember", "later()"]
    assert kept.metadata == {"title": "x"}
    assert len(given.cells) == 7, "the notebook that was given has changed"


def test_a_solution_that_does_not_end_is_an_error(student):
    with pytest.raises(ValueError, match="does not end"):
        student.without_solutions(new_notebook(cells=solution(new_code_cell("secret()"))[:2]))


def test_the_books_own_notebooks_keep_their_stubs_and_lose_their_solutions(student, tmp_path):
    (tmp_path / "book").mkdir()
    for path in (ROOT / "book").glob("*.ipynb"):
        (tmp_path / "book" / path.name).symlink_to(path)
    (tmp_path / "_build" / "student").mkdir(parents=True)
    (tmp_path / "_build" / "student" / "gone.ipynb").write_text("{}")

    written = student.write_student_notebooks(tmp_path)
    assert [path.name for path in written] == sorted(path.name for path in (ROOT / "book").glob("*.ipynb"))
    assert sorted((tmp_path / "_build" / "student").iterdir()) == written
    stubs = 0
    for path in written:
        notebook, whole = nbformat.read(path, 4), nbformat.read(ROOT / "book" / path.name, 4)
        nbformat.validate(notebook)
        text = "\n".join(sources(notebook))
        assert "solution-" not in text and text.count("{exercise-start}") == "\n".join(sources(whole)).count(
            "{exercise-start}"
        )
        calls = [cell for cell in notebook.cells if "exercises.check(" in cell.source and cell.cell_type == "code"]
        shown = [output.data["text/markdown"] for cell in calls for output in cell.outputs]
        assert all("not solved yet" in each for each in shown)
        stubs += len(calls)
    assert stubs >= 15

    chapter = tmp_path / "_build" / "student" / "01_representations.ipynb"
    papermill.execute_notebook(
        chapter, tmp_path / "run.ipynb", {"profile": "smoke"}, kernel_name="python3", progress_bar=False
    )
