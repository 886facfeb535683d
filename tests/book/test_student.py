"""The notebooks for students: no solution left in any, everything else as it was, and they still run."""

import ast
import importlib.util
from pathlib import Path

import nbformat
import pytest
from exercise_pages import exercises
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from toc import CHAPTERS

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


@pytest.mark.slow
def test_the_books_own_notebooks_keep_their_stubs_and_lose_their_solutions(student, tmp_path):
    (tmp_path / "book").mkdir()
    for path in (ROOT / "book").glob("*.ipynb"):
        (tmp_path / "book" / path.name).symlink_to(path)
    (tmp_path / "_build" / "student").mkdir(parents=True)
    (tmp_path / "_build" / "student" / "gone.ipynb").write_text("{}", encoding="utf-8")

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


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One kernel for all notebooks: each would import torch, matplotlib and the library anew, half of the time that it takes."""
    client = NotebookClient(new_notebook(), kernel_name="python3", timeout=300)
    with client.setup_kernel(cwd=str(tmp_path_factory.mktemp("handed"))):
        yield client


def execute(kernel, notebook):
    """Execute a notebook in the kernel, which forgets every name of the one before."""
    notebook.cells.insert(0, new_code_cell("%reset -f"))
    kernel.nb = notebook
    for index, cell in enumerate(notebook.cells):
        kernel.execute_cell(cell, index)


def code_after_the_first_solution(whole, handed):
    """The code cells of a student's notebook from where it is the chapter no more."""
    same = [one.source == other.source for one, other in zip(whole.cells, handed.cells, strict=False)]
    after = handed.cells[same.index(False) if False in same else len(same) :]
    return [cell.source for cell in after if cell.cell_type == "code"]


def test_a_cell_that_follows_a_solution_is_found(student):
    begins, stub, later = new_code_cell("x = 1"), new_code_cell("stub()"), new_code_cell("print(x)")
    for cells, after in (
        ([begins, stub, *solution(new_code_cell("x = 2"))], []),
        ([begins, *solution(), stub], ["stub()"]),
        ([begins, *solution(new_code_cell("x = 2")), later, stub], ["print(x)", "stub()"]),
    ):
        whole = new_notebook(cells=cells)
        assert code_after_the_first_solution(whole, student.without_solutions(whole)) == after


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_students_notebook_runs_as_it_is_handed_out(student, chapter, request):
    """With --chapters-follow a notebook is left out whose cells all run elsewhere.

    Up to its first solution it is the chapter, which `make test-chapters` runs. If only stubs are left, tests/exercises/test_exercises.py
    runs each of them, with the imports of the chapter and no other cell of it.
    """
    whole = nbformat.read(chapter, 4)
    handed = student.without_solutions(whole)
    stubs = [cell.source for exercise in exercises(chapter) for cell in exercise.stubs]
    if request.config.getoption("chapters_follow") and set(code_after_the_first_solution(whole, handed)) <= set(stubs):
        return
    kernel = request.getfixturevalue("kernel")
    chosen = [n for n, cell in enumerate(handed.cells) if "parameters" in cell.metadata.get("tags", [])]
    for n in reversed(chosen):
        handed.cells.insert(n + 1, new_code_cell("profile = 'smoke'"))
    execute(kernel, handed)
    stubs = [cell for cell in handed.cells if "exercises.check(" in cell.source]
    assert all("not solved yet" in str(cell.outputs) for cell in stubs)


@pytest.mark.slow
def test_a_notebook_sees_no_name_of_the_one_before(kernel):
    execute(kernel, new_notebook(cells=[new_code_cell("leaked = 1")]))
    execute(kernel, new_notebook(cells=[new_code_cell("assert 'leaked' not in globals()")]))


def names(cells, context):
    """The names that code cells bind (ast.Store) or read (ast.Load), at their top level or within."""
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
    if context is ast.Store:
        found |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        found |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        found |= {node.name for node in nodes if isinstance(node, ast.ExceptHandler)}
        found |= {
            alias.asname or alias.name for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names
        }
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_nothing_that_is_handed_out_needs_what_only_a_solution_defines(student, path):
    whole = nbformat.read(path, 4)
    handed = student.without_solutions(whole)
    only_in_solutions = names(whole.cells, ast.Store) - names(handed.cells, ast.Store)
    assert not only_in_solutions & names(handed.cells, ast.Load)
