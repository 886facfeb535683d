"""What the committed notebooks must hold: fresh outputs, captions, descriptions, and nothing of the machine they ran on."""

import base64
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def images(cell):
    return [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]


@pytest.fixture(params=NOTEBOOKS, ids=IDS)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_outputs_come_from_the_code_that_is_there(build, notebook):
    assert notebook.metadata["book"]["outputs_of"] == build.digest(build.code(notebook).encode()), (
        "this notebook's code has changed since its outputs were made: run `make refresh`"
    )


def test_every_figure_has_a_caption_a_name_and_a_sentence_that_describes_it(notebook):
    for cell in code_cells(notebook):
        for _ in images(cell):
            shown = cell.metadata.get("mystnb", {})
            alt = shown.get("image", {}).get("alt", "")
            assert len(alt.split()) >= 8 and alt.rstrip().endswith("."), f"no describing sentence: {cell.source!r}"
            figure = shown.get("figure", {})
            assert figure.get("name", "").startswith("fig-") and len(figure.get("caption", "")) > 40, cell.source


def test_figures_are_small(notebook):
    for cell in code_cells(notebook):
        for image in images(cell):
            assert len(base64.b64decode(image)) < 100_000, cell.source


def test_code_lines_are_as_short_as_a_page_is_wide(notebook):
    long = [line for cell in code_cells(notebook) for line in cell.source.splitlines() if len(line) > 88]
    assert not long, "a page cuts what stands after column 88"


def test_nothing_of_the_machine_is_in_it(notebook):
    text = nbformat.writes(notebook)
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|usr|opt)/", text)
    assert not [cell for cell in code_cells(notebook) if any(o.output_type == "error" for o in cell.outputs)]
    meant = [cell for cell in code_cells(notebook) if "shows-stderr" in cell.metadata.get("tags", [])]
    warned = [
        o.text for cell in code_cells(notebook) if cell not in meant for o in cell.outputs if o.get("name") == "stderr"
    ]
    assert not warned, "a chapter should run without warnings, but for a cell tagged to show one"


def test_cells_are_short(notebook):
    """Longer code belongs in the library, where tests reach it."""
    for cell in code_cells(notebook):
        lines = cell.source.splitlines()
        imports_only = all(
            line.startswith(("import ", "from ", "    ", ")", "figures.use_style()")) or not line for line in lines
        )
        assert imports_only or len(lines) <= 18, cell.source


def shown_checks(notebook):
    """The cells that a page shows, outside exercises, and that assert something."""
    exercise = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for mark in re.findall(r"\{(exercise-start|solution-end)\}", cell.source):
                exercise = mark == "exercise-start"
        hidden = {"remove-cell", "hide-cell", "hide-input"} & set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and "assert" in cell.source and not exercise and not hidden:
            yield cell


def test_checks_have_at_most_twelve_lines(notebook):
    """A check is a derivation that runs: short enough to be taken in and edited. What it needs first stands in a cell before it."""
    for cell in shown_checks(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert len(lines) <= 12, cell.source


def test_profile_can_be_set(notebook):
    cells = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        assert "profile" not in "\n".join(cell.source for cell in code_cells(notebook))
        return
    (cell,) = cells
    assert 'os.environ.get("IB_TUTORIAL_PROFILE", "quick")' in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_readers_see_no_plumbing(path):
    """The cell that sets the profile is removed from the page, and nbval takes its mark as a tag, not as a comment."""
    for cell in code_cells(nbformat.read(path, as_version=4)):
        tags = cell.metadata.get("tags", [])
        assert "parameters" not in tags or "remove-cell" in tags
        assert "NBVAL" not in cell.source, cell.source


def test_every_notebook_is_in_the_book_and_every_chapter_is_a_notebook(build):
    assert sorted(build.chapters(ROOT)) == [f"book/{stem}" for stem in IDS]
