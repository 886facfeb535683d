"""The slides: which cell goes where, and that a deck needs no other file. How they look is seen in tests/browser."""

import base64
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from toc import CHAPTERS

ROOT = Path(__file__).resolve().parents[2]


def module(path):
    spec = importlib.util.spec_from_file_location(f"tested_{path.stem}", path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses looks it up
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def slides():
    return module(ROOT / "book" / "slides.py")


@pytest.fixture(scope="module")
def marks():
    return module(ROOT / "book" / "_ext" / "slide_marks.py")


def article(html):
    return BeautifulSoup(f"<article>{html}</article>", "html.parser").article


def shown(slides, html):
    """For each column, for each slide: its running head, the text on it, the text of its notes."""
    text = lambda parts: [BeautifulSoup(part, "html.parser").get_text(" ", strip=True) for part in parts]
    return [[(s.section, text(s.shown), text(s.notes)) for s in column] for column in slides.columns(article(html))]


def mark(kind):
    return f"<!-- slide_type: {kind} -->"


def test_each_type_of_cell_goes_where_jupyter_says(slides):
    html = (
        f"{mark('slide')}<section><h1>Title</h1><p>see</p>{mark('skip')}<p>setup</p>"
        f"{mark('slide')}<section><h2>One</h2>{mark('-')}<p>said</p>{mark('notes')}<p>spoken</p>{mark('fragment')}<p>later</p>"
        f"{mark('subslide')}<p>below</p>{mark('-')}<p>more</p></section></section>"
    )
    assert shown(slides, html) == [
        [("", ["Title", "see"], [])],
        [("", ["One", "said", "later"], ["spoken"]), ("One", ["below", "more"], [])],
    ]
    assert slides.columns(article(html))[1][0].shown[2] == '<div class="fragment"><p>later</p></div>'


def test_a_type_that_is_none_and_a_page_without_a_first_slide_are_errors(slides):
    with pytest.raises(ValueError, match="'sldie'.*there are: slide, subslide"):
        slides.columns(article(f"{mark('sldie')}<p>x</p>"))
    with pytest.raises(ValueError, match="first cell"):
        slides.columns(article(f"{mark('-')}<p>x</p>{mark('slide')}<p>y</p>"))


def test_of_a_cell_the_figure_is_shown_or_else_the_output_or_else_the_code(slides):
    code, table = '<div class="cell_input">f()</div>', '<div class="cell_output">42{}</div>'
    cells = [code + table.format("<figure>drawn</figure>"), code + table.format(""), code]
    html = mark("slide") + "".join(f'<div class="cell">{cell}</div>' for cell in cells)
    assert shown(slides, html)[0][0][1] == ["drawn", "42", "f()"]


def test_what_a_table_or_a_list_folds_is_on_the_page_only(slides):
    table = "<table><tr><td>the claim <details><summary>Test</summary>long</details><p></p></td></tr></table>"
    listed = "<ul><li><p>a test</p><details><summary>How</summary>long</details></li></ul>"
    cells = "".join(f'<div class="cell"><div class="cell_output">{each}</div></div>' for each in (table, listed))
    assert shown(slides, mark("slide") + cells)[0][0][1] == ["the claim", "a test"]


def test_solutions_are_folded_and_what_is_in_a_box_is_no_slide_of_its_own(slides):
    html = (
        f'{mark("slide")}<div class="exercise admonition"><section>{mark("-")}<p>Prove it.</p></section></div>'
        '<div class="solution dropdown admonition"><p class="admonition-title">Solution</p><section><p>So.</p></section></div>'
    )
    (((question, answer),),) = [[slide.shown for slide in column] for column in slides.columns(article(html))]
    assert "<section" not in question + answer
    assert answer.startswith("<details") and "<summary>Solution</summary>" in answer and " open" not in answer


def test_a_comment_before_each_cell_says_its_type_and_a_notebook_without_types_stays_as_it_is(marks):
    app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: f"{name}.ipynb"))
    cells = [new_markdown_cell("# T", metadata={"slideshow": {"slide_type": "slide"}}), new_code_cell("1")]
    source = [nbformat.writes(new_notebook(cells=cells))]
    marks.mark(app, "page", source)
    assert [cell["cell_type"] for cell in json.loads(source[0])["cells"]] == [
        "markdown",
        "markdown",
        "markdown",
        "code",
    ]
    assert re.findall(r"slide_type: (\S+) -->", source[0]) == ["slide", "-"]
    for plain in (nbformat.writes(new_notebook(cells=[new_markdown_cell("# T")])), "# no notebook"):
        name = "page" if plain.startswith("{") else "page.md"
        app.env.doc2path = lambda docname, name=name: name if "." in name else f"{name}.ipynb"
        source = [plain]
        marks.mark(app, name, source)
        assert source == [plain]


def test_a_deck_is_one_file_with_everything_in_it(slides, tmp_path):
    static = tmp_path / "html" / "_static"
    (static / "mathjax").mkdir(parents=True)
    (static / "mathjax" / "tex-svg.js").write_text("typeset()", encoding="utf-8")
    (static / "pygments.css").write_text(".k {}", encoding="utf-8")
    pages = tmp_path / "html" / "book"
    pages.mkdir()
    (pages / "drawn.png").write_bytes(b"PNG")
    settings = '<script>window.MathJax = {"tex": {}, "options": {}}</script>'
    body = f'{mark("slide")}<h1>1. Title<a class="headerlink" href="#x">#</a></h1><p><a href="other.html">there</a> <a href="https://a.org">out</a></p><p><img src="drawn.png"></p>'
    (pages / "one.html").write_text(
        f'{settings}<article class="bd-article">{body}<script>thebe()</script></article>',
        encoding="utf-8",
    )
    (pages / "plain.html").write_text(f'{settings}<article class="bd-article"><h1>No slides</h1></article>', encoding="utf-8")
    folder = tmp_path / "slides"
    folder.mkdir()
    (folder / "99_gone.html").write_text("", encoding="utf-8")

    assert slides.write_decks(tmp_path / "html", folder) == [folder / "one.html"] == list(folder.iterdir())
    deck = BeautifulSoup((folder / "one.html").read_text(encoding="utf-8"), "html.parser")
    assert deck.title.get_text() == "Title: slides" and deck.h1.get_text() == "1. Title"
    assert [link["href"] for link in deck.find_all("a")] == ["https://a.org"] and "there" in deck.p.get_text()
    assert deck.img["src"] == "data:image/png;base64," + base64.b64encode(b"PNG").decode()
    assert not deck.find_all("link") and not [script for script in deck.find_all("script") if script.get("src")]
    scripts = "".join(script.get_text() for script in deck.find_all("script"))
    assert "typeset()" in scripts and "window.MathJax" in scripts and "thebe" not in scripts


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_slides_and_its_figures_are_on_them(slides, marks, path):
    cells = nbformat.read(path, 4).cells
    kinds = [marks.slide_type(cell) for cell in cells]
    assert kinds[0] == "slide" and set(kinds) <= set(slides.TYPES)
    assert kinds.count("slide") >= 5
    for cell, kind in zip(cells, kinds):
        if "figure" in cell.metadata.get("mystnb", {}):
            assert kind not in ("skip", "notes"), cell.source


def test_a_page_has_slides_from_its_first_cell_or_none():
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        types = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in nbformat.read(path, 4).cells]
        assert types[0] == "slide" or not any(types), path.name
